//! Random documents and bound values: few names and values, so that they meet often, and those among them at which
//! engines trip.

use std::fmt;

use basalt_core::geo::Point;
use basalt_core::{CollectionName, DocumentId, FieldPath};
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::generate::Dialect;
use crate::{Doc, Env, FieldTypes, Found, Lookups, RequestValues};

/// The collections of [`World::others`].
pub const OTHER_COLLECTIONS: [&str; 2] = ["rooms", "teams"];
/// Fields of documents that hold canonical UTC texts, if any text.
pub const TIME_FIELDS: [&str; 3] = ["t", "createdAt", "updatedAt"];

/// Everything that an expression of a [`super::Case`] can see.
#[derive(Clone)]
pub struct World {
    pub auth: Value,
    pub vars: Value,
    /// Flat, with the server's own fields.
    pub doc: Value,
    /// Documents of [`OTHER_COLLECTIONS`], flat.
    pub others: Vec<(CollectionName, DocumentId, Value)>,
    pub request: RequestValues,
}

impl World {
    /// All values but `doc`, which is given.
    pub fn env<'w>(&'w self, doc: Option<&'w Value>) -> Env<'w> {
        Env {
            auth: &self.auth,
            request: Some(&self.request),
            doc: doc.map(Doc::from),
            next: None,
            vars: Some(&self.vars),
            params: None,
            message: None,
            input: None,
            lookups: self,
            limiter: None,
        }
    }

    pub fn find(&self, collection: &CollectionName, id: &str) -> Option<&Value> {
        let found = self.others.iter().find(|(own, own_id, _)| own == collection && own_id.as_str() == id);
        found.map(|(_, _, document)| document)
    }
}

impl fmt::Debug for World {
    /// On one line, for messages of failing tests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "auth {} vars {} doc {}", self.auth, self.vars, self.doc)?;
        self.others.iter().try_for_each(|(collection, id, document)| write!(f, " {collection}/{id} {document}"))
    }
}

impl Lookups for World {
    fn find(&self, collection: &CollectionName, id: &DocumentId) -> Found<'_> {
        World::find(self, collection, id.as_str()).map_or(Found::Missing, Found::Document)
    }
}

/// [`TIME_FIELDS`] are declared as times.
pub struct Times;

impl FieldTypes for Times {
    fn is_time(&self, path: &FieldPath) -> bool {
        matches!(path.names(), [name] if TIME_FIELDS.contains(&name.as_str()))
    }
}

const TEXTS: [&str; 16] =
    ["a", "b", "", "ab", "A", "é", "1", "true", "a%", "a_b", "\\", "\"", "u1", "r1", "\u{ffff}", "\u{10000}"];
const TIMES: [&str; 4] =
    ["2026-11-22T08:00:00.000Z", "2026-11-22T08:00:00.001Z", "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"];
const IDS: [&str; 5] = ["r1", "r2", "u1", "a_u1", "not an id"];

pub(crate) fn world(dice: &mut Dice<'_>, dialect: Dialect) -> World {
    let (auth, vars) = (auth(dice, dialect), vars(dice, dialect));
    let doc = document(dice, "d1", dialect);
    let others = OTHER_COLLECTIONS.iter().flat_map(|name| ["r1", "u1", "a_u1"].map(|id| (name, id)));
    let mut found = Vec::new();
    for (name, id) in others {
        let (Ok(collection), Ok(parsed)) = (CollectionName::parse(name), DocumentId::parse(id)) else { continue };
        if dice.chance(3) {
            continue;
        }
        found.push((collection, parsed, document(dice, id, dialect)));
    }
    World {
        auth,
        vars,
        doc,
        others: found,
        request: RequestValues {
            id: "request".into(),
            time: basalt_core::Timestamp::from_millis(1_795_334_400_000),
            ip: None,
            method: "GET".into(),
        },
    }
}

fn auth(dice: &mut Dice<'_>, dialect: Dialect) -> Value {
    if dice.chance(8) {
        return Value::Null;
    }
    json!({
        "id": dice.pick(&["u1", "a", "r1"]), "email": null, "emailVerified": false, "anonymous": false,
        "roles": texts(dice), "claims": {"x": scalar(dice, dialect), "team": "a"}, "mfa": true, "method": "password",
        "orgs": {},
    })
}

fn vars(dice: &mut Dice<'_>, dialect: Dialect) -> Value {
    let list: Vec<Value> = (0..3 - dice.roll(4)).map(|_| scalar(dice, dialect)).collect();
    json!({
        "x": scalar(dice, dialect), "n": number(dice, dialect), "s": dice.pick(&TEXTS), "l": list,
        "p": point(dice), "metres": Point::of(&point(dice)).zip(Point::of(&point(dice))).map(|(a, b)| a.distance(b)),
        "k": dice.pick(&["x", "y", "k k", "\"", "é"]), "flag": dice.chance(2),
    })
}

fn document(dice: &mut Dice<'_>, id: &str, dialect: Dialect) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), id.into());
    map.insert("rev".into(), "0000000000001".into());
    map.insert("createdAt".into(), (*dice.pick(&TIMES)).into());
    map.insert("updatedAt".into(), (*dice.pick(&TIMES)).into());
    let makers: [(&str, Maker); 12] = [
        ("p", |dice, _| point(dice)),
        ("a", scalar),
        ("b", scalar),
        ("n", number),
        ("s", |dice, _| (*dice.pick(&TEXTS)).into()),
        ("flag", |dice, _| dice.chance(2).into()),
        ("m", |dice, dialect| small_map(dice, dialect, 2)),
        ("l", |dice, dialect| (0..3 - dice.roll(4)).map(|_| scalar(dice, dialect)).collect()),
        ("o", |dice, dialect| (0..3 - dice.roll(4)).map(|_| element(dice, dialect)).collect()),
        ("t", |dice, _| (*dice.pick(&TIMES)).into()),
        ("ref", |dice, _| (*dice.pick(&IDS)).into()),
        ("refs", |dice, _| (0..2 - dice.roll(3)).map(|_| Value::from(*dice.pick(&IDS))).collect()),
    ];
    for (name, maker) in makers {
        let value = match dice.roll(20) {
            19 => continue,
            18 => Value::Null,
            16 | 17 if dialect == Dialect::Lowerable && name != "t" => anything(dice, dialect),
            17 if name == "t" => number(dice, dialect),
            _ => maker(dice, dialect),
        };
        map.insert(name.into(), value);
    }
    Value::Object(map)
}

type Maker = fn(&mut Dice<'_>, Dialect) -> Value;

fn anything(dice: &mut Dice<'_>, dialect: Dialect) -> Value {
    match dice.roll(4) {
        0 => scalar(dice, dialect),
        1 => (0..2 - dice.roll(3)).map(|_| scalar(dice, dialect)).collect(),
        2 => small_map(dice, dialect, 1),
        _ => element(dice, dialect),
    }
}

fn element(dice: &mut Dice<'_>, dialect: Dialect) -> Value {
    match dice.roll(6) {
        0 => scalar(dice, dialect),
        1 => (0..2 - dice.roll(3)).map(|_| scalar(dice, dialect)).collect(),
        _ => small_map(dice, dialect, 1),
    }
}

/// Points that are near one another, at the poles and the date line.
fn point(dice: &mut Dice<'_>) -> Value {
    let points = [
        json!({"lat": 35.68, "lng": 139.76}),
        json!({"lat": 35.681, "lng": 139.7605, "name": "near"}),
        json!({"lat": 34.7, "lng": 135.5}),
        json!({"lat": 0, "lng": 180}),
        json!({"lat": 0, "lng": -180}),
        json!({"lat": 0.001, "lng": -179.999}),
        json!({"lat": 90, "lng": 12.5}),
        json!({"lat": 89.9, "lng": -170}),
        json!({"lat": -90, "lng": 0}),
        json!({"lat": -0.5, "lng": 1.5}),
        json!({"lat": 90.5, "lng": 0}),
        json!({"lat": "1", "lng": 0}),
        json!({"lat": 1}),
    ];
    // The last ones are none.
    dice.pick(&points).clone()
}

fn small_map(dice: &mut Dice<'_>, dialect: Dialect, depth: usize) -> Value {
    let mut map = Map::new();
    for name in ["x", "y", "k k", "\"", "é", "l", "z"] {
        if dice.chance(5) {
            continue;
        }
        let value = match name {
            "l" => (0..2 - dice.roll(3)).map(|_| scalar(dice, dialect)).collect(),
            "z" if depth > 0 => small_map(dice, dialect, depth - 1),
            _ => scalar(dice, dialect),
        };
        map.insert(name.into(), value);
    }
    Value::Object(map)
}

fn texts(dice: &mut Dice<'_>) -> Value {
    (0..3 - dice.roll(4)).map(|_| Value::from(*dice.pick(&TEXTS))).collect()
}

fn scalar(dice: &mut Dice<'_>, dialect: Dialect) -> Value {
    match dice.roll(6) {
        0 | 1 => (*dice.pick(&TEXTS)).into(),
        2 | 3 => number(dice, dialect),
        4 => Value::Null,
        _ => dice.chance(2).into(),
    }
}

fn number(dice: &mut Dice<'_>, dialect: Dialect) -> Value {
    let small = [json!(0), json!(1), json!(2), json!(-1), json!(1.5), json!(-0.5), json!(3)];
    let large = [
        json!(9_007_199_254_740_992_i64),
        json!(9_007_199_254_740_993_i64),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(-1e19),
        json!(5e-324),
    ];
    // `cel` compares integers with floats by rounding.
    if dialect == Dialect::Lowerable && dice.roll(3) == 2 {
        dice.pick(&large).clone()
    } else {
        dice.pick(&small).clone()
    }
}
