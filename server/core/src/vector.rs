//! Vectors: lists of numbers as databases keep them beside documents (`f32`, little-endian), and how far they are apart.

use serde_json::Value;

/// Numbers of one vector, at most.
pub const DIMENSIONS_MAX: usize = 4_096;
const BYTES: usize = 4;
/// Sums that are taken side by side.
const LANES: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// 1 less the cosine of the angle: 0 to 2.
    #[default]
    Cosine,
    Euclidean,
    /// The dot product, negative: the largest comes first.
    Dot,
}

impl Metric {
    pub const ALL: [Self; 3] = [Self::Cosine, Self::Euclidean, Self::Dot];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Euclidean => "euclidean",
            Self::Dot => "dot",
        }
    }
}

/// A JSON list of numbers that are finite as `f32`; none for anything else.
pub fn read(value: &Value) -> Option<Vec<f32>> {
    let items = value.as_array().filter(|items| (1..=DIMENSIONS_MAX).contains(&items.len()))?;
    items.iter().map(|item| item.as_f64().map(narrow).filter(|number| number.is_finite())).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "rounded, or infinite, which is refused")]
fn narrow(number: f64) -> f32 {
    number as f32
}

/// As it is stored.
pub fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Measures stored vectors against one.
pub struct Measure {
    metric: Metric,
    query: Vec<f32>,
    length: f64,
}

impl Measure {
    pub fn new(metric: Metric, query: Vec<f32>) -> Self {
        let length = query.iter().map(|number| f64::from(*number) * f64::from(*number)).sum::<f64>().sqrt();
        Self { metric, query, length }
    }

    /// None for a vector of another length, and for the cosine of one without a direction.
    pub fn distance(&self, stored: &[u8]) -> Option<f64> {
        if stored.len() != self.query.len() * BYTES {
            return None;
        }
        let distance = match self.metric {
            Metric::Euclidean => self.sum(stored, |query, other| (query - other) * (query - other)).sqrt(),
            Metric::Dot => -self.sum(stored, |query, other| query * other),
            Metric::Cosine => {
                let length = self.sum(stored, |_, other| other * other).sqrt();
                let cosine = self.sum(stored, |query, other| query * other) / (self.length * length);
                // Rounding may make it a little more than 1.
                1.0 - cosine.clamp(-1.0, 1.0)
            }
        };
        // -0 would stand before 0, and JSON knows no NaN.
        (!distance.is_nan()).then_some(distance + 0.0)
    }

    fn sum(&self, stored: &[u8], term: impl Fn(f64, f64) -> f64) -> f64 {
        let mut lanes = [0.0_f64; LANES];
        let (queries, stored) = (self.query.chunks(LANES), stored.chunks(LANES * BYTES));
        for (queries, stored) in queries.zip(stored) {
            let numbers = stored.chunks_exact(BYTES).map(|bytes| match bytes.try_into() {
                Ok(bytes) => f32::from_le_bytes(bytes),
                Err(_) => 0.0,
            });
            for ((lane, query), number) in lanes.iter_mut().zip(queries).zip(numbers) {
                *lane += term(f64::from(*query), f64::from(number));
            }
        }
        lanes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn distance(metric: Metric, from: &Value, to: &Value) -> Option<f64> {
        Measure::new(metric, read(from).unwrap()).distance(&to_bytes(&read(to).unwrap()))
    }

    #[test]
    fn distances_are_those_of_the_metric() {
        let (right, up, back) = (json!([1, 0]), json!([0, 2]), json!([-3, 0]));
        assert_eq!(distance(Metric::Cosine, &right, &right), Some(0.0));
        assert_eq!(distance(Metric::Cosine, &right, &up), Some(1.0));
        assert_eq!(distance(Metric::Cosine, &right, &back), Some(2.0));
        assert_eq!(distance(Metric::Euclidean, &right, &back), Some(4.0));
        assert_eq!(distance(Metric::Dot, &right, &back), Some(3.0));
        assert_eq!(distance(Metric::Cosine, &right, &json!([0, 0])), None);
        assert_eq!(distance(Metric::Euclidean, &right, &json!([1, 2, 3])), None);
        let long: Value = (0..37).collect();
        assert_eq!(distance(Metric::Dot, &long, &long), Some(-16_206.0));
    }

    #[test]
    fn only_lists_of_finite_numbers_are_vectors() {
        for odd in [json!([]), json!([1, "2"]), json!([1e39]), json!([null]), json!({"0": 1}), json!(1)] {
            assert_eq!(read(&odd), None, "{odd}");
        }
        assert_eq!(read(&json!([1, 0.5])), Some(vec![1.0, 0.5]));
        assert!(read(&Value::from(vec![0; DIMENSIONS_MAX + 1])).is_none());
    }
}
