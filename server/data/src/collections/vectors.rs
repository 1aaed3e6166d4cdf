//! The option `vectors`: which fields hold vectors, and of how many numbers.

use std::collections::BTreeMap;

use basalt_core::document::OWN_FIELDS;
use basalt_core::vector::{self, DIMENSIONS_MAX};
use basalt_core::{FieldError, FieldPath, key};
use serde_json::{Map, Value};

use super::parse::read_path;
use crate::declared::{Problems, wrong_type};

/// Vectors of one collection, each of which costs every write.
const VECTORS_MAX: usize = 4;

/// By the field's path.
pub(crate) type Vectors = BTreeMap<FieldPath, usize>;

/// `{ embedding = 384 }`
pub(super) fn read_vectors(value: &Value, path: &str, problems: &mut Problems) -> Vectors {
    let Value::Object(entries) = value else {
        wrong_type(path, "a table of vectors", value, problems);
        return Vectors::new();
    };
    if entries.len() > VECTORS_MAX {
        problems.add(path, "bad_vector", format!("A collection has at most {VECTORS_MAX} vectors."));
    }
    let mut vectors = Vectors::new();
    for (field, dimensions) in entries {
        let path = format!("{path}/{}", basalt_core::document::pointer_token(field));
        let Some(at) = read_path(field).filter(|at| !OWN_FIELDS.contains(&at.top())) else {
            problems.add(&path, "bad_field_name", format!("{field:?} is not the path of a field of yours."));
            continue;
        };
        let dimensions = dimensions.as_u64().and_then(|count| usize::try_from(count).ok());
        match dimensions.filter(|count| (1..=DIMENSIONS_MAX).contains(count)) {
            Some(count) => drop(vectors.insert(at, count)),
            None => problems.add(&path, "bad_vector", format!("A vector has 1 to {DIMENSIONS_MAX} numbers.")),
        }
    }
    vectors
}

/// What doesn't fit of the vectors that are there (a null is none).
pub(super) fn faults(vectors: &Vectors, data: &Map<String, Value>) -> Vec<FieldError> {
    let fits = |at: &FieldPath, count: usize| match key::at(data, at) {
        None | Some(Value::Null) => true,
        Some(value) => vector::read(value).is_some_and(|vector| vector.len() == count),
    };
    let wrong = vectors.iter().filter(|(at, count)| !fits(at, **count));
    wrong
        .map(|(at, count)| {
            let message = format!("A vector here is a list of {count} numbers, each finite in 32 bits.");
            FieldError::new(at.pointer(), "vector", message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn vectors_have_the_declared_length() {
        let mut problems = Problems::default();
        let vectors = read_vectors(&json!({"embedding": 3, "m.v": 1}), "/vectors", &mut problems);
        assert!(problems.is_empty());
        for (data, count) in [
            (json!({"embedding": [1, 2, 3], "m": {"v": [0.5]}}), 0),
            (json!({"embedding": null}), 0),
            (json!({}), 0),
            (json!({"embedding": [1, 2], "m": {"v": "x"}}), 2),
            (json!({"embedding": [1, 2, 1e39]}), 1),
        ] {
            let Value::Object(map) = &data else { panic!("an object") };
            assert_eq!(faults(&vectors, map).len(), count, "{data}");
        }
    }

    #[test]
    fn what_is_no_declaration_is_a_problem() {
        for odd in
            [json!([]), json!({"a": 0}), json!({"a": 4_097}), json!({"a": "3"}), json!({"id": 3}), json!({"": 3})]
        {
            let mut problems = Problems::default();
            read_vectors(&odd, "/vectors", &mut problems);
            assert!(!problems.is_empty(), "{odd}");
        }
    }
}
