//! Groups and measures against the same computed plainly.

use std::collections::BTreeMap;

use basalt_core::filter::Filter;
use basalt_core::{Code, CollectionName, FieldPath, key};
use serde_json::{Map, Value, json};

use super::engines::{DIALECTS, Engines};
use super::generate::{self, Dice};
use super::longer;
use super::world::{World, document};
use crate::query::{Aggregate, GroupKey, Measure, MeasureOp};

const OPS: [MeasureOp; 6] =
    [MeasureOp::Count, MeasureOp::Sum, MeasureOp::Avg, MeasureOp::Min, MeasureOp::Max, MeasureOp::CountDistinct];

fn aggregate(group_by: &[&str], measures: &[(&str, MeasureOp, Option<&str>)]) -> Aggregate {
    let path = |text: &str| FieldPath::parse(text).unwrap();
    Aggregate {
        collection: CollectionName::parse("one").unwrap(),
        filter: Filter::True,
        group_by: group_by
            .iter()
            .map(|name| GroupKey { name: (*name).to_owned(), path: path(name), bucket: None })
            .collect(),
        measures: measures
            .iter()
            .map(|(name, op, field)| Measure { name: (*name).to_owned(), op: *op, path: field.map(path) })
            .collect(),
        having: Filter::True,
        sort: Vec::new(),
        limit: 1_000,
        offset: 0,
    }
}

fn world(engines: &mut Engines, data: impl IntoIterator<Item = Value>) -> World {
    let mut world = World::new();
    let documents = data.into_iter().zip(0..).map(|(data, n)| document(&format!("d{n}"), n, data)).collect();
    world.add("one", &[], &[], documents);
    world.create(engines);
    world
}

/// A group's order among others; lists and maps only by being such.
fn group_key(group: &[Value]) -> Vec<Vec<u8>> {
    let full = |value: &Value| match value {
        Value::String(text) => [&[key::TEXT], text.as_bytes()].concat(),
        other => key::of(Some(other)),
    };
    group.iter().map(full).collect()
}

/// What both engines order alike: nothing behind a list or a map.
fn up_to_unordered(group: &[Value]) -> Vec<Vec<u8>> {
    let mut keys = group_key(group);
    if let Some(at) = keys.iter().position(|key| key[0] == key::OTHER) {
        keys.truncate(at + 1);
    }
    keys
}

fn measure(op: MeasureOp, values: &[Option<Value>]) -> Option<Value> {
    let there: Vec<&Value> = values.iter().flatten().filter(|value| !value.is_null()).collect();
    let numbers: Vec<&Value> = there.iter().copied().filter(|value| value.is_number()).collect();
    let float = |value: &Value| value.as_f64().unwrap();
    let canonical = |value: f64| basalt_core::json::canonical_f64(value).map(Value::Number);
    let comparable = || there.iter().copied().filter(|value| value.is_number() || value.is_string());
    let order = |value: &&Value| group_key(std::slice::from_ref(*value));
    match op {
        MeasureOp::Count => Some(there.len().into()),
        MeasureOp::CountDistinct => {
            let mut distinct: Vec<String> = there.iter().map(ToString::to_string).collect();
            distinct.sort_unstable();
            distinct.dedup();
            Some(distinct.len().into())
        }
        MeasureOp::Sum if numbers.iter().all(|value| value.is_i64()) => {
            let sum: i128 = numbers.iter().map(|value| i128::from(value.as_i64().unwrap())).sum();
            i64::try_from(sum).ok().map(Value::from)
        }
        MeasureOp::Sum => canonical(numbers.iter().map(|value| float(value)).sum()),
        MeasureOp::Avg if numbers.is_empty() => Some(Value::Null),
        MeasureOp::Avg => canonical(numbers.iter().map(|value| float(value)).sum::<f64>() / numbers.len() as f64),
        MeasureOp::Min => Some(comparable().min_by_key(order).cloned().unwrap_or_default()),
        MeasureOp::Max => Some(comparable().max_by_key(order).cloned().unwrap_or_default()),
    }
}

/// Whether sums of the largest floats are finite depends on their order.
fn moderate(value: Value) -> Value {
    if value.as_f64().is_some_and(|value| value.abs() > 1e290) { json!(0.25) } else { value }
}

/// Floats are summed in different orders.
fn close(a: &Value, b: &Value, scale: f64) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) => a == b || (x - y).abs() <= scale * 1e-12,
        _ => a == b,
    }
}

#[test]
fn groups_and_measures_are_those_of_a_plain_computation() {
    let mut engines = Engines::open();
    for seed in 0..8 * longer() {
        let mut dice = Dice::new(9_000 + seed);
        let number = |dice: &mut Dice| match dice.below(4) {
            0 => json!(0.5),
            1 => json!(dice.below(100)),
            2 => json!(i64::MAX - 5),
            _ => json!(-32_500_000_000_i64),
        };
        let data: Vec<Value> = (0..50)
            .map(|_| {
                let mut data = Map::new();
                for name in ["a", "b"] {
                    let value = match dice.below(6) {
                        0 => continue,
                        1 => Value::Null,
                        2 => json!({"x": 1, "a": [1, null]}),
                        3 => moderate(generate::value(&mut dice, 1)),
                        _ => json!(dice.below(3)),
                    };
                    data.insert(name.into(), value);
                }
                match dice.below(4) {
                    0 => {}
                    1 => drop(data.insert("v".into(), moderate(generate::scalar_value(&mut dice)))),
                    _ => drop(data.insert("v".into(), number(&mut dice))),
                }
                data.insert("w".into(), json!(dice.below(1_000)));
                Value::Object(data)
            })
            .collect();
        let world = world(&mut engines, data.clone());
        for groups in [&["a"][..], &["a", "b"], &[], &["createdAt"]] {
            for field in ["v", "w", "a"] {
                check(&mut engines, &world, groups, field, seed);
            }
        }
        world.drop_tables(&mut engines);
    }
}

/// Documents with equal group keys, and what the measured field is in each.
struct Group {
    by: Vec<Value>,
    values: Vec<Option<Value>>,
}

fn check(engines: &mut Engines, world: &World, groups: &[&str], field: &str, seed: u64) {
    let documents = &world.documents[&CollectionName::parse("one").unwrap()];
    let at = |flat: &Map<String, Value>, name: &str| flat.get(name).cloned();
    let mut plain: BTreeMap<(Vec<Vec<u8>>, String), Group> = BTreeMap::new();
    for document in documents {
        let flat = document.to_flat();
        let group: Vec<Value> = groups.iter().map(|name| at(&flat, name).unwrap_or_default()).collect();
        let entry = plain
            .entry((group_key(&group), json!(group).to_string()))
            .or_insert(Group { by: group, values: Vec::new() });
        entry.values.push(at(&flat, field));
    }
    if groups.is_empty() && plain.is_empty() {
        plain.insert((Vec::new(), String::new()), Group { by: Vec::new(), values: Vec::new() });
    }
    for op in OPS {
        let aggregate = aggregate(groups, &[("m", op, Some(field)), ("n", MeasureOp::Count, None)]);
        let expected: Vec<(&Vec<Value>, Option<Value>, usize, f64)> = plain
            .values()
            .map(|Group { by: group, values }| {
                let scale = values.iter().flatten().filter_map(Value::as_f64).map(f64::abs).fold(1.0, f64::max);
                (group, measure(op, values), values.len(), scale * values.len() as f64)
            })
            .collect();
        for dialect in DIALECTS {
            let what = format!("seed {seed}, {dialect:?}: {op:?} of {field} by {groups:?}");
            let got = world.aggregate(engines, dialect, &aggregate);
            if expected.iter().any(|(_, value, _, _)| value.is_none()) {
                assert_eq!(got.unwrap_err().code(), Code::Overflow, "{what}");
                continue;
            }
            let page = got.unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert!(!page.more);
            assert_eq!(page.items.len(), expected.len(), "{what}: {:?}", page.items);
            // Groups of lists and maps have no order that both engines share: found by their value.
            for (item, (in_order, _, _, _)) in page.items.iter().zip(&expected) {
                let group: Vec<Value> = groups.iter().map(|name| item[*name].clone()).collect();
                assert_eq!(up_to_unordered(&group), up_to_unordered(in_order), "{what}");
                let (_, value, count, scale) = expected
                    .iter()
                    .find(|(other, _, _, _)| **other == group)
                    .unwrap_or_else(|| panic!("{what}: {group:?} is no group"));
                let value = value.as_ref().unwrap();
                assert!(close(&item["m"], value, *scale), "{what} {group:?}: {} instead of {value}", item["m"]);
                assert_eq!(item["n"], json!(count), "{what}");
            }
        }
    }
}

#[test]
fn sums_of_integers_are_exact_or_overflow() {
    let mut engines = Engines::open();
    let max = i64::MAX;
    let cases = [
        (vec![json!(max), json!(-max), json!(max)], Ok(json!(max))),
        (vec![json!(max), json!(1), json!(-1)], Ok(json!(max))),
        (vec![json!(i64::MIN), json!(i64::MIN), json!(max), json!(max), json!(2)], Ok(json!(0))),
        (vec![json!(max), json!(1)], Err(Code::Overflow)),
        (vec![json!(i64::MIN), json!(-1)], Err(Code::Overflow)),
        (vec![json!(9_007_199_254_740_993_i64), json!(2)], Ok(json!(9_007_199_254_740_995_i64))),
        (vec![json!(1e308), json!(1e308)], Err(Code::Overflow)),
        (vec![json!(0.5), json!(max)], Ok(json!(max as f64))),
        (vec![json!("7"), json!(null), json!([1]), json!(true)], Ok(json!(0))),
        (Vec::new(), Ok(json!(0))),
    ];
    for (values, expected) in cases {
        let world = world(&mut engines, values.iter().map(|value| json!({"v": value})));
        for dialect in DIALECTS {
            let aggregate = aggregate(&[], &[("sum", MeasureOp::Sum, Some("v"))]);
            let got = world.aggregate(&mut engines, dialect, &aggregate);
            let got = got.map(|page| page.items[0]["sum"].clone()).map_err(|error| error.code());
            let expected = expected.clone().map(basalt_core::json::canonical);
            assert_eq!(got, expected, "{dialect:?}: {values:?}");
        }
        world.drop_tables(&mut engines);
    }
}

#[test]
fn groups_are_sorted_by_measures_and_paged() {
    let mut engines = Engines::open();
    let data = (0..60).map(|n| json!({"g": n % 12, "v": if n % 12 == 3 { json!("text") } else { json!(n / 20) }}));
    let world = world(&mut engines, data);
    for op in OPS {
        for descending in [false, true] {
            let mut aggregate = aggregate(&["g"], &[("m", op, Some("v"))]);
            aggregate.sort = vec![("m".to_owned(), descending)];
            let [whole, other] =
                DIALECTS.map(|dialect| world.aggregate(&mut engines, dialect, &aggregate).unwrap().items);
            assert_eq!(whole, other, "{op:?}");
            let keys: Vec<Vec<u8>> = whole.iter().map(|item| key::of(item.get("m"))).collect();
            let in_order = |pair: &[Vec<u8>]| if descending { pair[0] >= pair[1] } else { pair[0] <= pair[1] };
            assert!(keys.windows(2).all(in_order), "{op:?} {descending}: {whole:?}");
            aggregate.limit = 5;
            for dialect in DIALECTS {
                let mut paged = Vec::new();
                loop {
                    aggregate.offset = paged.len() as u64;
                    let page = world.aggregate(&mut engines, dialect, &aggregate).unwrap();
                    paged.extend(page.items);
                    if !page.more {
                        break;
                    }
                }
                assert_eq!(paged, whole, "{dialect:?} {op:?}");
            }
        }
    }
    let mut unknown = aggregate(&["g"], &[]);
    unknown.sort = vec![("x".to_owned(), false)];
    assert_eq!(world.aggregate(&mut engines, DIALECTS[0], &unknown).unwrap_err().code(), Code::BadRequest);
}

/// Groups are told apart by their JSON text on SQLite, so names have to be sorted when a document is written.
#[test]
fn maps_are_written_with_sorted_names() {
    let map: Value = serde_json::from_str(r#"{"b":1,"a":{"d":1,"c":2}}"#).unwrap();
    assert_eq!(map.to_string(), r#"{"a":{"c":2,"d":1},"b":1}"#);
}

#[test]
fn groups_that_count_are_those_of_which_the_condition_is_true_of_the_item() {
    let mut engines = Engines::open();
    let collections = super::naive::Collections::new();
    let naive = super::naive::Naive { collections: &collections };
    for seed in 0..6 * longer() {
        let mut dice = Dice::new(31_000 + seed);
        let data: Vec<Value> = (0..40)
            .map(|_| {
                let mut data = Map::new();
                // Thirds have no end in decimals nor in binary; quarters are exact sums in any order.
                let number = [json!(dice.below(5)), json!(0.25), json!(i64::MAX / 64), json!("t"), json!(null)];
                data.insert("a".to_owned(), [json!(dice.below(4)), json!({"x": 1}), json!("k")][dice.below(3)].clone());
                data.insert("b".to_owned(), dice.pick(&number).clone());
                Value::Object(data)
            })
            .collect();
        let world = world(&mut engines, data);
        let mut asked = aggregate(&["a"], &OPS.map(|op| (measure_name(op), op, Some("b"))));
        asked.group_by[0].name = "key.of".to_owned();
        let all = world.aggregate(&mut engines, DIALECTS[0], &asked).unwrap().items;
        for _ in 0..25 * longer() {
            asked.having = having(&mut dice, &all, 2);
            let expected: Vec<&Map<String, Value>> = all
                .iter()
                .filter(|item| {
                    let mut document = (*item).clone();
                    document.insert("key".to_owned(), json!({"of": item["key.of"]}));
                    naive.evaluate(&asked.having, &Value::Object(document)) == Some(true)
                })
                .collect();
            for dialect in DIALECTS {
                let got = world.aggregate(&mut engines, dialect, &asked).unwrap().items;
                assert_eq!(got.iter().collect::<Vec<_>>(), expected, "seed {seed}, {dialect:?}: {:?}", asked.having);
            }
        }
        world.drop_tables(&mut engines);
    }
}

fn measure_name(op: MeasureOp) -> &'static str {
    match op {
        MeasureOp::Count => "createdAt",
        MeasureOp::Sum => "sum",
        MeasureOp::Avg => "avg",
        MeasureOp::Min => "id",
        MeasureOp::Max => "max",
        MeasureOp::CountDistinct => "distinct",
    }
}

/// Conditions on what there is in the items, and beside it.
fn having(dice: &mut Dice, items: &[Map<String, Value>], depth: usize) -> Filter {
    use basalt_core::filter::{Leaf, Order, Place, Scalar, TextTest};
    if depth > 0 && dice.one_in(2) {
        let parts: Vec<Filter> = (0..2).map(|_| having(dice, items, depth - 1)).collect();
        return match dice.below(3) {
            0 => Filter::And(parts),
            1 => Filter::Or(parts),
            _ => Filter::Not(Box::new(parts[0].clone())),
        };
    }
    let names = ["sum", "avg", "id", "max", "distinct", "createdAt", "key.of", "key.of.x", "sum.x"];
    let name = *dice.pick(&names);
    let place = Place::document(FieldPath::parse(name).unwrap());
    let known = items[dice.below(items.len())].get(name).cloned().unwrap_or(json!(1));
    let value = match &known {
        Value::Null => Scalar::Null,
        Value::String(text) => Scalar::Text(text.clone()),
        Value::Number(number) => number.as_i64().map_or_else(|| Scalar::Float(number.as_f64().unwrap()), Scalar::Int),
        _ => Scalar::Int(2),
    };
    Filter::Leaf(match dice.below(6) {
        0 | 1 => Leaf::Equal { place, value },
        2 | 3 => Leaf::Order { place, order: *dice.pick(&[Order::Lt, Order::Le, Order::Gt, Order::Ge]), value },
        4 => Leaf::Has { place },
        _ => Leaf::Text { place, test: TextTest::StartsWith, value: "t".to_owned() },
    })
}

#[test]
fn a_group_whose_sum_does_not_fit_is_refused_and_not_left_out() {
    let mut engines = Engines::open();
    for values in [[json!(i64::MAX), json!(1)], [json!(1e308), json!(1e308)]] {
        let world = world(&mut engines, values.iter().map(|value| json!({"v": value})));
        let place = basalt_core::filter::Place::document(FieldPath::parse("sum").unwrap());
        let value = basalt_core::filter::Scalar::Int(0);
        for dialect in DIALECTS {
            let mut asked = aggregate(&[], &[("sum", MeasureOp::Sum, Some("v")), ("n", MeasureOp::Avg, Some("v"))]);
            let leaf = basalt_core::filter::Leaf::Equal { place: place.clone(), value: value.clone() };
            asked.having = Filter::Leaf(leaf);
            assert_eq!(world.aggregate(&mut engines, dialect, &asked).unwrap_err().code(), Code::Overflow);
        }
        world.drop_tables(&mut engines);
    }
}

#[test]
fn spans_of_time_are_those_of_the_zone_on_both_engines() {
    use basalt_core::Timestamp;
    use basalt_core::bucket::{Bucket, Unit, Zone};
    let mut engines = Engines::open();
    let zones = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Gaza"];
    let mut dice = Dice::new(77);
    let mut times: Vec<Value> =
        ["", "2026-11-22", "2026-02-30T00:00:00.000Z", "2026-11-22T08:00:00+08:00"].map(Into::into).to_vec();
    times.extend([json!(null), json!(7), json!(["2026-11-22T08:00:00.000Z"])]);
    times.extend([Timestamp::MIN, Timestamp::MAX].map(|time| json!(time.to_string())));
    // Around the changes of each zone, and anywhere.
    for name in zones {
        for (from, _) in Zone::parse(name).unwrap().offsets().changes.iter().step_by(29) {
            for millis in [-1, 0, 3_599_999, 3_600_000] {
                times.push(json!(Timestamp::from_millis(from * 1_000 + millis).to_string()));
            }
        }
    }
    for _ in 0..400 {
        let seconds = i64::try_from(dice.next() % 315_569_520_000).unwrap() - 62_167_219_200;
        times.push(json!(Timestamp::from_millis(seconds * 1_000 + 5).to_string()));
    }
    let world = world(&mut engines, times.iter().map(|time| json!({"at": time})));
    for name in zones {
        for unit in Unit::ALL {
            let bucket = Bucket { unit, zone: Zone::parse(name).unwrap() };
            let mut expected: BTreeMap<Option<String>, usize> = BTreeMap::new();
            for time in &times {
                *expected.entry(time.as_str().and_then(|text| bucket.label_of_text(text))).or_default() += 1;
            }
            let mut asked = aggregate(&["at"], &[("n", MeasureOp::Count, None)]);
            asked.group_by[0].bucket = Some(bucket);
            asked.limit = 100_000;
            for dialect in DIALECTS {
                let items = world.aggregate(&mut engines, dialect, &asked).unwrap().items;
                let got = items.iter().map(|item| (item["at"].as_str().map(str::to_owned), item["n"].clone()));
                let expected = expected.iter().map(|(label, count)| (label.clone(), json!(count)));
                let differs = got.clone().zip(expected.clone()).find(|(got, expected)| got != expected);
                assert!(got.eq(expected), "{dialect:?} {name} {unit:?}: {differs:?}");
            }
        }
    }
    // The server's own times are columns.
    let mut asked = aggregate(&["createdAt"], &[("n", MeasureOp::Count, None)]);
    asked.group_by[0].bucket = Bucket::parse("hour Asia/Tokyo");
    for dialect in DIALECTS {
        let items = world.aggregate(&mut engines, dialect, &asked).unwrap().items;
        assert_eq!(json!(items), json!([{"createdAt": "1970-01-01T09:00", "n": times.len()}]));
    }
}
