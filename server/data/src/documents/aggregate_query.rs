//! The body of an aggregate: `{filter,vars,groupBy,measures,having,sort,limit,cursor}`.
//!
//! `groupBy` lists fields (`"genre"`, or `{"field":"author.name","as":"author"}`), and spans of time that fields fall into
//! (`{"field":"createdAt","bucket":"day","timezone":"Asia/Shanghai","as":"day"}`); `measures` names what is measured:
//! `{"n":{"count":true},"rated":{"count":"rating"},"total":{"sum":"amount"}}` with `count`, `sum`, `avg`, `min`, `max`
//! and `countDistinct`. Without measures there is one, `count`.

use std::collections::BTreeSet;

use basalt_core::bucket::{Bucket, Unit, Zone};
use basalt_core::{Code, Error, FieldPath, Result};
use basalt_store::{GroupKey, Measure, MeasureOp};
use serde_json::{Map, Value};

use super::input::{map, names, optional_count, optional_text, unknown_field};

/// Group keys and measures of one aggregate, each.
const MOST: usize = 16;

#[derive(Clone, Debug, Default)]
pub struct AggregateQuery {
    pub filter: Option<String>,
    pub vars: Map<String, Value>,
    pub group_by: Vec<GroupKey>,
    pub measures: Vec<Measure>,
    /// CEL over group keys and measures by their names: which groups count.
    pub having: Option<String>,
    /// Names of group keys and measures, `-` before them for descending.
    pub sort: Vec<String>,
    pub limit: Option<u32>,
    pub cursor: Option<String>,
}

impl AggregateQuery {
    pub fn from_body(body: Map<String, Value>) -> Result<Self> {
        let mut query = Self::default();
        for (name, value) in body {
            match name.as_str() {
                "filter" => query.filter = optional_text(&name, value)?,
                "vars" => query.vars = map(&name, value)?,
                "groupBy" => query.group_by = group_keys(value)?,
                "measures" => query.measures = measures(value)?,
                "sort" => query.sort = names(&name, value)?,
                "limit" => query.limit = optional_count(&name, &value)?,
                "cursor" => query.cursor = optional_text(&name, value)?,
                "having" => query.having = optional_text(&name, value)?,
                _ => return Err(unknown_field(&name)),
            }
        }
        if query.measures.is_empty() {
            query.measures.push(Measure { name: "count".into(), op: MeasureOp::Count, path: None });
        }
        query.check_names()?;
        Ok(query)
    }

    /// Of the group keys, then of the measures.
    pub(super) fn names(&self) -> Vec<&str> {
        let keys = self.group_by.iter().map(|key| key.name.as_str());
        keys.chain(self.measures.iter().map(|measure| measure.name.as_str())).collect()
    }

    fn check_names(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        match self.names().into_iter().find(|name| !seen.insert(*name)) {
            Some(name) => Err(bad(format!("The name {name:?} is used twice."))),
            None => Ok(()),
        }
    }
}

fn group_keys(value: Value) -> Result<Vec<GroupKey>> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        single @ (Value::String(_) | Value::Object(_)) => vec![single],
        _ => return Err(bad("groupBy is a list of fields.")),
    };
    if items.len() > MOST {
        return Err(bad(format!("groupBy has at most {MOST} fields.")));
    }
    items.into_iter().map(group_key).collect()
}

fn group_key(value: Value) -> Result<GroupKey> {
    match value {
        Value::String(field) => Ok(GroupKey { path: FieldPath::parse(&field)?, name: field, bucket: None }),
        Value::Object(map) => {
            let (mut field, mut name, mut unit, mut zone) = (None, None, None, None);
            for (key, value) in map {
                match key.as_str() {
                    "field" => field = optional_text(&key, value)?,
                    "as" => name = optional_text(&key, value)?,
                    "bucket" => unit = optional_text(&key, value)?,
                    "timezone" => zone = optional_text(&key, value)?,
                    _ => return Err(unknown_field(&key)),
                }
            }
            let field = field.ok_or_else(|| bad("A group key names its field."))?;
            let name = name.unwrap_or_else(|| field.clone());
            let bucket = bucket(unit.as_deref(), zone.as_deref())?;
            Ok(GroupKey { path: FieldPath::parse(&field)?, name: checked_name(name)?, bucket })
        }
        _ => Err(bad("A group key is a field's name or {\"field\",\"as\",\"bucket\",\"timezone\"}.")),
    }
}

fn bucket(unit: Option<&str>, zone: Option<&str>) -> Result<Option<Bucket>> {
    let Some(unit) = unit else {
        return if zone.is_some() { Err(bad("timezone goes with bucket.")) } else { Ok(None) };
    };
    let unit = Unit::parse(unit).ok_or_else(|| {
        let units = Unit::ALL.map(Unit::as_str).join(", ");
        bad(format!("A bucket is one of {units}."))
    })?;
    let name = zone.unwrap_or("UTC");
    let zone = Zone::parse(name).ok_or_else(|| bad(format!("{name:?} is no time zone, such as \"Asia/Shanghai\".")))?;
    Ok(Some(Bucket { unit, zone }))
}

fn measures(value: Value) -> Result<Vec<Measure>> {
    let measures = map("measures", value)?;
    if measures.len() > MOST {
        return Err(bad(format!("There are at most {MOST} measures.")));
    }
    measures.into_iter().map(|(name, spec)| measure(name, &spec)).collect()
}

fn measure(name: String, spec: &Value) -> Result<Measure> {
    let shape = || bad(format!("The measure {name:?} is one of {{\"count\":true}}, {{\"sum\":\"field\"}} and so on."));
    let (op, of) = match spec.as_object().map(|map| map.iter().collect::<Vec<_>>()).as_deref() {
        Some([(op, of)]) => (op.as_str(), *of),
        _ => return Err(shape()),
    };
    let op = match op {
        "count" => MeasureOp::Count,
        "sum" => MeasureOp::Sum,
        "avg" => MeasureOp::Avg,
        "min" => MeasureOp::Min,
        "max" => MeasureOp::Max,
        "countDistinct" => MeasureOp::CountDistinct,
        _ => return Err(shape()),
    };
    let path = match (op, of) {
        (MeasureOp::Count, Value::Bool(true)) => None,
        (_, Value::String(field)) => Some(FieldPath::parse(field)?),
        _ => return Err(shape()),
    };
    Ok(Measure { name: checked_name(name)?, op, path })
}

/// A name that an answer uses: like a field's, so that it can be sorted by.
fn checked_name(name: String) -> Result<String> {
    let good = FieldPath::parse(&name).is_ok() && !name.starts_with('-') && !name.contains(',');
    if good { Ok(name) } else { Err(bad(format!("{name:?} is not a name for a group key or measure."))) }
}

fn bad(detail: impl Into<String>) -> Error {
    Error::new(Code::BadParameter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: Value) -> Result<AggregateQuery> {
        let Value::Object(map) = body else { panic!("an object") };
        AggregateQuery::from_body(map)
    }

    #[test]
    fn a_whole_body_is_read() {
        let query = parse(json!({
            "filter": "a > vars.x", "vars": {"x": 1},
            "groupBy": ["genre", {"field": "author.name", "as": "author"}],
            "measures": {"n": {"count": true}, "total": {"sum": "amount"}, "rated": {"count": "rating"}},
            "sort": "-n,genre", "limit": 10,
        }))
        .unwrap();
        assert_eq!(query.group_by[1].name, "author");
        assert_eq!(query.group_by[1].path.to_string(), "author.name");
        assert_eq!(query.measures.len(), 3);
        assert_eq!(query.sort, ["-n", "genre"]);
    }

    #[test]
    fn times_are_grouped_by_spans() {
        let key = json!({"field": "createdAt", "bucket": "week", "timezone": "Asia/Shanghai", "as": "week"});
        let query = parse(json!({"groupBy": [key, {"field": "updatedAt", "bucket": "day"}]})).unwrap();
        assert_eq!(query.group_by[0].bucket.as_ref().unwrap().to_string(), "week Asia/Shanghai");
        assert_eq!(query.group_by[1].bucket.as_ref().unwrap().to_string(), "day UTC");
    }

    #[test]
    fn without_measures_documents_are_counted() {
        let query = parse(json!({"groupBy": "genre"})).unwrap();
        assert_eq!((query.measures[0].name.as_str(), query.measures[0].op), ("count", MeasureOp::Count));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (body, code) in [
            (json!({"having": 1}), Code::BadParameter),
            (json!({"groupBy": [{"field": "createdAt", "bucket": "eon"}]}), Code::BadParameter),
            (json!({"groupBy": [{"field": "createdAt", "timezone": "UTC"}]}), Code::BadParameter),
            (json!({"groupBy": [{"field": "createdAt", "bucket": "day", "timezone": "Mars"}]}), Code::BadParameter),
            (json!({"groupby": []}), Code::UnknownField),
            (json!({"groupBy": [1]}), Code::BadParameter),
            (json!({"groupBy": [{"as": "x"}]}), Code::BadParameter),
            (json!({"groupBy": ["a", "a"]}), Code::BadParameter),
            (json!({"groupBy": ["a"], "measures": {"a": {"count": true}}}), Code::BadParameter),
            (json!({"measures": {"n": {"count": false}}}), Code::BadParameter),
            (json!({"measures": {"n": {"median": "x"}}}), Code::BadParameter),
            (json!({"measures": {"n": {"sum": true}}}), Code::BadParameter),
            (json!({"measures": {"n": {"sum": "a", "avg": "a"}}}), Code::BadParameter),
            (json!({"measures": {"n": "count"}}), Code::BadParameter),
            (json!({"measures": {"-n": {"count": true}}}), Code::BadParameter),
        ] {
            assert_eq!(parse(body.clone()).unwrap_err().code(), code, "{body}");
        }
    }
}
