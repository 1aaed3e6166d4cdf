//! `nearest`: the documents whose vectors are nearest to one, of those that the caller may list and that match.

use basalt_core::vector::{self, Metric};
use basalt_core::{Caller, Code, CollectionName, Error, FieldError, FieldPath, Result};
use basalt_store::{Nearest, NearestPage};
use serde_json::Value;

use super::answer::Listed;
use super::definitions::with_fresh;
use super::filter::check_readable;
use super::input::{CountMode, ListQuery, Show, map, optional_count, optional_text, unknown_field};
use super::list::{Granted, show_distances};
use super::present::Shape;
use super::service::Documents;
use crate::rules::Binding;

const K_MAX: u32 = 500;
const K_DEFAULT: u32 = 10;
const PATH: &str = "/nearest";

/// `{"field":"embedding","vector":[…],"k":10,"metric":"cosine"}`
#[derive(Clone, Debug, PartialEq)]
pub struct NearestTo {
    pub field: FieldPath,
    pub vector: Vec<f32>,
    pub k: u32,
    pub metric: Metric,
}

impl NearestTo {
    pub(super) fn from_value(value: Value) -> Result<Option<Self>> {
        if value.is_null() {
            return Ok(None);
        }
        let (mut field, mut vector, mut k, mut metric) = (None, None, None, None);
        for (key, value) in map("nearest", value)? {
            match key.as_str() {
                "field" => field = optional_text(&key, value)?,
                "vector" => vector = vector::read(&value),
                "k" => k = optional_count(&key, &value)?,
                "metric" => metric = optional_text(&key, value)?,
                _ => return Err(unknown_field(&key)),
            }
        }
        let field = field.ok_or_else(|| bad("nearest names its field."))?;
        let vector = vector.ok_or_else(|| bad("nearest has a vector: a list of finite numbers."))?;
        let k = k.unwrap_or(K_DEFAULT);
        if !(1..=K_MAX).contains(&k) {
            return Err(bad(format!("k is 1 to {K_MAX}.")));
        }
        let metric = match metric.as_deref() {
            None => Metric::default(),
            Some(text) => Metric::parse(text).ok_or_else(|| bad("metric is cosine, euclidean or dot."))?,
        };
        Ok(Some(Self { field: FieldPath::parse(&field)?, vector, k, metric }))
    }

    /// Whether it goes with the rest of the query, and the caller may ask for it.
    pub(super) fn check(&self, query: &ListQuery, granted: &Granted) -> Result<()> {
        let lone = query.sort.is_empty() && query.cursor.is_none() && query.limit.is_none();
        if !lone || query.count == CountMode::Exact || query.search.is_some() {
            return Err(bad(
                "nearest is an order of its own and gives k documents: without search, sort, limit, cursor and count.",
            ));
        }
        check_readable([&self.field], &granted.grant, PATH)?;
        match granted.compiled.definition.vectors.get(&self.field) {
            None => Err(bad(format!("The collection declares no vectors at {}.", self.field))),
            Some(count) if *count != self.vector.len() => {
                Err(bad(format!("Vectors at {} have {count} numbers.", self.field)))
            }
            Some(_) => Ok(()),
        }
    }
}

fn bad(detail: impl Into<String>) -> Error {
    let detail = detail.into();
    let fault = FieldError::new(PATH, "bad_nearest", detail.clone());
    Error::new(Code::BadParameter, detail).with_errors(vec![fault])
}

impl Documents {
    pub(super) async fn nearest(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        query: &ListQuery,
        nearest: &NearestTo,
    ) -> Result<Listed> {
        let binding = Binding::new(caller.clone());
        with_fresh(&self.0.store, || self.nearest_once(&binding, collection, query, nearest)).await
    }

    async fn nearest_once(
        &self,
        binding: &Binding,
        collection: &CollectionName,
        query: &ListQuery,
        nearest: &NearestTo,
    ) -> Result<Listed> {
        let mut granted = self.granted(binding, collection).await?;
        let show = Show { select: query.select.clone(), expand: query.expand.clone() };
        let shape = Shape::compile(&self.0.collections, &granted.compiled, &show)?;
        let wanted = self.wanted(&granted, query.filter.as_deref(), &query.vars)?;
        let filter = granted.filter(binding, wanted.as_ref())?;
        nearest.check(query, &granted)?;
        if filter.is_never_true() {
            return Ok(Listed::default());
        }
        let asked = Nearest {
            collection: collection.clone(),
            filter,
            path: nearest.field.clone(),
            vector: nearest.vector.clone(),
            metric: nearest.metric,
            k: usize::try_from(nearest.k).unwrap_or(usize::MAX),
        };
        let NearestPage { documents, distances } = self.0.store.nearest(asked).await?;
        let readable = self.reveal(&mut granted, documents).await?;
        let mut items = self.present(binding, &shape, readable).await?;
        show_distances(&mut items, &distances);
        Ok(Listed { items, ..Listed::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_asked_for_is_read_strictly() {
        let read = |value: Value| NearestTo::from_value(value);
        let whole = read(json!({"field": "e", "vector": [1, 0.5], "k": 3, "metric": "dot"})).unwrap().unwrap();
        assert_eq!((whole.k, whole.metric, whole.vector), (3, Metric::Dot, vec![1.0, 0.5]));
        assert_eq!(read(json!(null)).unwrap(), None);
        for (odd, code) in [
            (json!({"vector": [1]}), Code::BadParameter),
            (json!({"field": "e"}), Code::BadParameter),
            (json!({"field": "e", "vector": []}), Code::BadParameter),
            (json!({"field": "e", "vector": ["1"]}), Code::BadParameter),
            (json!({"field": "e", "vector": [1], "k": 0}), Code::BadParameter),
            (json!({"field": "e", "vector": [1], "k": 501}), Code::BadParameter),
            (json!({"field": "e", "vector": [1], "metric": "hamming"}), Code::BadParameter),
            (json!({"field": "e", "vector": [1], "limit": 5}), Code::UnknownField),
            (json!([1]), Code::BadParameter),
        ] {
            assert_eq!(read(odd.clone()).unwrap_err().code(), code, "{odd}");
        }
    }
}
