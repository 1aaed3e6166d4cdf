//! Random documents, filters and indexes, of few names and values, so that they meet; odd ones among them.

use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Order, Place, Root, Scalar, SizeTest, TextTest};
use basalt_core::{CollectionName, Document, FieldPath};
use serde_json::{Map, Value, json};

use super::world::document;
use crate::catalog::{IndexKind, IndexSpec, SortField};

/// SplitMix64.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// In one of `of` cases.
    pub(super) fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Names of fields, at the top and within.
const NAMES: [&str; 6] = ["a", "b", "m", "l", "a.b", "é"];
const HOSTILE: [&str; 16] = [
    "x\"y",
    "back\\slash",
    "0",
    "-1",
    "[0]",
    "#",
    "[#-1]",
    "'",
    " ",
    "a b",
    "\u{1F600}",
    "?1",
    "$1x",
    "\\u0061",
    "*",
    "{}",
];

const TEXTS: [&str; 22] = [
    "",
    "a",
    "ab",
    "abc",
    "b",
    "A",
    "é",
    "\u{ffff}",
    "\u{10000}",
    "\u{10ffff}",
    "%",
    "a%",
    "_",
    "\"",
    "\\",
    "'",
    "1",
    "true",
    "null",
    "[1]",
    "{\"a\":1}",
    "line\nbreak\t\u{1}",
];

pub(super) fn text(dice: &mut Dice) -> String {
    if !dice.one_in(8) {
        return (*dice.pick(&TEXTS)).to_owned();
    }
    let long = "x".repeat(*dice.pick(&[254, 255, 256, 257, 300, 2_000]));
    match dice.below(5) {
        0 => format!("{long}y"),
        1 => format!("{}é", &long[..255.min(long.len())]),
        2 => format!("y{long}"),
        _ => long,
    }
}

const INTEGERS: [i64; 16] = [
    0,
    1,
    -1,
    2,
    5,
    100,
    9_007_199_254_740_991,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    -9_007_199_254_740_993,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
    9_223_372_036_854_774_784,
    1_700_000_000_000,
];
const FLOATS: [f64; 16] = [
    0.5,
    -0.5,
    1.5,
    0.1,
    0.3,
    1e300,
    -1e300,
    9.3e18,
    9_223_372_036_854_775_808.0,
    -9_223_372_036_854_777_856.0,
    1e19,
    5e-324,
    f64::MAX,
    f64::MIN_POSITIVE,
    2.225_073_858_507_201e-308,
    123_456_789.123_456_79,
];

fn float(dice: &mut Dice) -> f64 {
    if dice.one_in(3) {
        let random = f64::from_bits(dice.next());
        return if random.is_finite() { random } else { 0.25 };
    }
    *dice.pick(&FLOATS)
}

fn number(dice: &mut Dice) -> Value {
    if dice.one_in(2) {
        return (*dice.pick(&INTEGERS)).into();
    }
    basalt_core::json::canonical_f64(float(dice)).unwrap().into()
}

pub(super) fn name(dice: &mut Dice) -> String {
    if dice.one_in(6) { (*dice.pick(&HOSTILE)).to_owned() } else { (*dice.pick(&NAMES)).to_owned() }
}

pub(super) fn scalar_value(dice: &mut Dice) -> Value {
    match dice.below(9) {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => Value::Bool(false),
        3..=5 => number(dice),
        _ => text(dice).into(),
    }
}

pub(super) fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 6 } else { 10 }) {
        0..=5 => scalar_value(dice),
        6 | 7 => (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect(),
        _ => Value::Object((0..dice.below(4)).map(|_| (name(dice), value(dice, depth - 1))).collect()),
    }
}

/// Of the ids `d0`, `d1` …; the field `ref` often holds one's (or its end).
pub(super) fn documents(dice: &mut Dice, count: usize) -> Vec<Document> {
    (0..count)
        .map(|at| {
            let mut data: Map<String, Value> = (0..2 + dice.below(5)).map(|_| (name(dice), value(dice, 3))).collect();
            data.remove("$1x");
            match dice.below(4) {
                0 => data.insert("ref".into(), format!("d{}", dice.below(count * 2)).into()),
                1 => data.insert("ref".into(), dice.below(count * 2).to_string().into()),
                2 => data.insert("ref".into(), value(dice, 1)),
                _ => None,
            };
            if dice.one_in(2) {
                let items = (0..dice.below(4)).map(|_| json!({"role": text(dice), "n": number(dice), "ref": "d1"}));
                data.insert("l".into(), items.collect());
            }
            document(&format!("d{at}"), i64::try_from(at / 3).unwrap() * 1_000, Value::Object(data))
        })
        .collect()
}

pub(super) fn path(dice: &mut Dice) -> FieldPath {
    let mut names = vec![name(dice)];
    match dice.below(12) {
        0..=2 => names.push(name(dice)),
        3 => names.extend([name(dice), name(dice)]),
        4 => names = vec![(*dice.pick(&["id", "rev", "createdAt", "updatedAt"])).to_owned()],
        5 => names = vec!["ref".to_owned()],
        6 if dice.one_in(6) => names = vec![(*dice.pick(&["", "$x", "nul\0", "id"])).to_owned(), name(dice)],
        _ => {}
    }
    FieldPath::from_names(names)
}

/// Indexes on random fields.
pub(super) fn indexes(dice: &mut Dice) -> Vec<IndexSpec> {
    let storable = |path: &FieldPath| path.names().iter().all(|name| !name.contains('\0'));
    let field = |dice: &mut Dice| loop {
        let path = path(dice);
        if storable(&path) {
            return SortField { path, descending: dice.one_in(2) };
        }
    };
    (0..dice.below(8))
        .map(|_| match dice.below(4) {
            0 => IndexSpec { kind: IndexKind::Contains, fields: vec![field(dice)] },
            _ => IndexSpec { kind: IndexKind::Ordered, fields: (0..=dice.below(2)).map(|_| field(dice)).collect() },
        })
        .collect()
}

pub(super) fn scalar(dice: &mut Dice) -> Scalar {
    match dice.below(12) {
        0 => Scalar::Null,
        1 => Scalar::Bool(dice.one_in(2)),
        2..=4 => Scalar::Int(*dice.pick(&INTEGERS)),
        5 | 6 => Scalar::Float(float(dice)),
        7 if dice.one_in(4) => {
            Scalar::Float(*dice.pick(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0, -0.0, 1.0, 9.0e15]))
        }
        7 if dice.one_in(4) => Scalar::Text((*dice.pick(&["a\0", "\0", "ab\0c"])).to_owned()),
        8 => Scalar::Text(name(dice)),
        _ => Scalar::Text(text(dice)),
    }
}

/// A filter within `elements` enclosing elements; `depth` bounds nesting.
pub(super) fn filter(dice: &mut Dice, depth: usize, elements: usize) -> Filter {
    if depth == 0 || dice.one_in(3) {
        return Filter::Leaf(leaf(dice, depth, elements));
    }
    let parts = |dice: &mut Dice| (0..=dice.below(3)).map(|_| filter(dice, depth - 1, elements)).collect();
    match dice.below(12) {
        0..=3 => Filter::And(parts(dice)),
        4..=7 => Filter::Or(parts(dice)),
        8 | 9 => Filter::Not(Box::new(filter(dice, depth - 1, elements))),
        _ => [Filter::True, Filter::False, Filter::Error][dice.below(3)].clone(),
    }
}

fn place(dice: &mut Dice, elements: usize) -> Place {
    if elements == 0 || dice.one_in(3) {
        // The document itself, now and then.
        let path = if dice.one_in(40) { FieldPath::from_names(Vec::new()) } else { path(dice) };
        return Place::document(path);
    }
    let names = match dice.below(4) {
        0 | 1 => Vec::new(),
        2 => vec![(*dice.pick(&["role", "n", "ref", "a", "x\"y"])).to_owned()],
        _ => path(dice).names().to_vec(),
    };
    Place { root: Root::Element(dice.below(elements)), path: FieldPath::from_names(names) }
}

fn order(dice: &mut Dice) -> Order {
    *dice.pick(&[Order::Lt, Order::Le, Order::Gt, Order::Ge])
}

fn leaf(dice: &mut Dice, depth: usize, elements: usize) -> Leaf {
    let place = place(dice, elements);
    match dice.below(if depth == 0 { 14 } else { 20 }) {
        0..=2 => Leaf::Equal { place, value: scalar(dice) },
        3..=5 => Leaf::Order { place, order: order(dice), value: scalar(dice) },
        6 => Leaf::In { place, values: (0..dice.below(6)).map(|_| scalar(dice)).collect() },
        7 | 8 => Leaf::Contains { place, value: scalar(dice) },
        9 => Leaf::Has { place },
        10 => Leaf::IsTrue { place },
        11 | 12 => {
            let test = *dice.pick(&[TextTest::StartsWith, TextTest::EndsWith, TextTest::Contains]);
            let value = if dice.one_in(20) { "a\0".to_owned() } else { text(dice) };
            Leaf::Text { place, test, value }
        }
        13 => {
            let test = if dice.one_in(2) { SizeTest::Equal } else { SizeTest::Order(order(dice)) };
            Leaf::Size { place, test, value: *dice.pick(&[0, 1, 2, 3, 5, -1, i64::MAX]) }
        }
        14 | 15 => Leaf::Any { place: listed(dice, place), filter: Box::new(filter(dice, depth - 1, elements + 1)) },
        16 | 17 => Leaf::All { place: listed(dice, place), filter: Box::new(filter(dice, depth - 1, elements + 1)) },
        18 => Leaf::Exists { collection: collection(dice), id: id(dice, elements) },
        _ => {
            let filter = Box::new(filter(dice, depth - 1, elements));
            Leaf::Lookup { collection: collection(dice), id: id(dice, elements), filter }
        }
    }
}

/// Lists are found under `l` more often than elsewhere.
fn listed(dice: &mut Dice, place: Place) -> Place {
    if dice.one_in(2) { Place::document(FieldPath::from_names(vec!["l".to_owned()])) } else { place }
}

fn collection(dice: &mut Dice) -> CollectionName {
    CollectionName::parse(dice.pick::<&str>(&["one", "two", "two", "unknown"])).unwrap()
}

fn id(dice: &mut Dice, elements: usize) -> LookupId {
    let reference = || IdPart::Place(Place::document(FieldPath::from_names(vec!["ref".to_owned()])));
    LookupId(match dice.below(6) {
        0 | 1 => vec![reference()],
        2 => vec![IdPart::Text("d".to_owned()), reference()],
        3 => vec![IdPart::Text((*dice.pick(&["d1", "none", "d\0"])).to_owned())],
        4 => vec![IdPart::Place(place(dice, elements))],
        _ => vec![IdPart::Text("d".to_owned()), IdPart::Place(place(dice, elements))],
    })
}
