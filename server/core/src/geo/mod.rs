//! Points on the Earth, and how far they are from one another: the same to the last bit in memory and in both databases.
//!
//! A point's place on the unit sphere is rounded to whole multiples of 2^-30 (6 mm on the Earth). The square of the chord
//! between two places is then a whole number below 2^63, which every engine computes alike; metres follow from it, and a
//! comparison in metres is one of chords ([`bound`]).

mod cells;

use serde_json::Value;

pub use self::cells::cover;

/// The Earth's mean radius in metres (IUGG).
const RADIUS: f64 = 6_371_008.8;
/// The sphere's radius in the units of a [`Place`].
const UNIT: f64 = 1_073_741_824.0;
/// The square of the longest chord.
const LONGEST: i64 = 1 << 62;
/// Rounding may make a chord a little longer than the diameter.
const SLACK: i64 = 1 << 36;

/// Degrees: latitude within ±90, longitude within ±180.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub lat: f64,
    pub lng: f64,
}

/// Where a point is on the sphere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub x: i64,
    pub y: i64,
    pub z: i64,
}

impl Point {
    /// `None` where the degrees are out of range.
    pub fn new(lat: f64, lng: f64) -> Option<Self> {
        let is_within = lat.abs() <= 90.0 && lng.abs() <= 180.0;
        is_within.then_some(Self { lat, lng })
    }

    /// A point as documents hold it, `{"lat","lng"}`; other members don't matter.
    pub fn of(value: &Value) -> Option<Self> {
        let map = value.as_object()?;
        Self::new(map.get("lat")?.as_f64()?, map.get("lng")?.as_f64()?)
    }

    pub fn place(self) -> Place {
        let (lat, lng) = (self.lat.to_radians(), self.lng.to_radians());
        #[expect(clippy::cast_possible_truncation, reason = "within ±2^30")]
        let whole = |part: f64| (part * UNIT).round() as i64;
        Place { x: whole(lat.cos() * lng.cos()), y: whole(lat.cos() * lng.sin()), z: whole(lat.sin()) }
    }

    /// The great-circle distance in metres on a sphere (within 0.6 % of the ellipsoid's).
    pub fn distance(self, other: Self) -> f64 {
        metres(self.place().chord(other.place()))
    }
}

impl Place {
    /// The square of the chord between two places.
    pub fn chord(self, other: Self) -> i64 {
        let (x, y, z) = (self.x - other.x, self.y - other.y, self.z - other.z);
        x * x + y * y + z * z
    }
}

/// The length on the surface under a chord, given its square.
pub fn metres(chord: i64) -> f64 {
    let sine = (chord as f64).sqrt() / (2.0 * UNIT);
    2.0 * RADIUS * sine.min(1.0).asin()
}

/// The square of the longest chord whose length on the surface is below `limit` (or, `inclusive`, not above it); -1 where
/// none is.
pub fn bound(limit: f64, inclusive: bool) -> i64 {
    let fits = |chord: i64| if inclusive { metres(chord) <= limit } else { metres(chord) < limit };
    // Chords below `low` fit, those from `high` on don't.
    let (mut low, mut high) = (0, LONGEST + SLACK);
    while low < high {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle + 1 } else { high = middle }
    }
    low - 1
}

/// What a geo index keeps of the point at its field: [`crate::key::NUMBER`], the cell (8 bytes), the place (3 × 4 bytes). As
/// long, and below all others, where there is no point.
pub fn key(value: Option<&Value>) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY_LENGTH);
    if let Some(point) = value.and_then(Point::of) {
        key.push(crate::key::NUMBER);
        key.extend_from_slice(&cells::of(point).to_be_bytes());
        let place = point.place();
        for part in [place.x, place.y, place.z] {
            let above = part + (1 << 30);
            key.extend_from_slice(&u32::try_from(above).unwrap_or_default().to_be_bytes());
        }
    } else {
        key.push(crate::key::MISSING);
        key.resize(KEY_LENGTH, 0);
    }
    key
}

/// The place that a key of a geo index holds.
pub fn place_of_key(key: &[u8]) -> Option<Place> {
    let key: &[u8; KEY_LENGTH] = key.try_into().ok()?;
    let part = |at: usize| {
        let bytes: [u8; 4] = key[at..at + 4].try_into().ok()?;
        Some(i64::from(u32::from_be_bytes(bytes)) - (1 << 30))
    };
    if key[0] != crate::key::NUMBER {
        return None;
    }
    Some(Place { x: part(9)?, y: part(13)?, z: part(17)? })
}

/// Where a point's neighbours are in the order of keys.
pub fn key_of_cell(cell: u64) -> Vec<u8> {
    let mut key = vec![crate::key::NUMBER];
    key.extend_from_slice(&cell.to_be_bytes());
    key
}

const KEY_LENGTH: usize = 21;

/// The cell of a point.
pub fn cell(point: Point) -> u64 {
    cells::of(point)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(lat: f64, lng: f64) -> Point {
        Point::new(lat, lng).unwrap()
    }

    #[test]
    fn distances_are_metres() {
        let (tokyo, osaka) = (point(35.681_236, 139.767_125), point(34.702_485, 135.495_951));
        assert!((tokyo.distance(osaka) - 403_000.0).abs() < 1_000.0, "{}", tokyo.distance(osaka));
        assert!(tokyo.distance(tokyo).abs() < 1e-6);
        let (north, south) = (point(90.0, 0.0), point(-90.0, 0.0));
        assert!((north.distance(south) - std::f64::consts::PI * RADIUS).abs() < 1e-3);
        assert!(point(0.0, 180.0).distance(point(0.0, -180.0)) < 1e-6);
        assert!(Point::new(90.1, 0.0).is_none() && Point::new(f64::NAN, 0.0).is_none());
    }

    #[test]
    fn distances_are_the_haversines_to_a_centimetre_or_so() {
        let mut seed = 1_u64;
        let mut draw = |range: f64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((seed >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0) * range
        };
        for _ in 0..2_000 {
            let (from, to) = (point(draw(90.0), draw(180.0)), point(draw(90.0), draw(180.0)));
            let by_lat = ((to.lat - from.lat).to_radians() / 2.0).sin();
            let by_lng = ((to.lng - from.lng).to_radians() / 2.0).sin();
            let square = by_lat * by_lat + from.lat.to_radians().cos() * to.lat.to_radians().cos() * by_lng * by_lng;
            let haversine = 2.0 * RADIUS * square.sqrt().min(1.0).asin();
            if haversine < 12_000_000.0 {
                assert!((from.distance(to) - haversine).abs() < 0.05, "{from:?} {to:?}");
            }
        }
    }

    #[test]
    fn a_bound_parts_what_is_nearer_from_what_is_farther() {
        for limit in [0.0, 0.001, 1.0, 1_234.5, 403_000.0, 10_007_557.2, 20_015_114.0] {
            for inclusive in [false, true] {
                let bound = bound(limit, inclusive);
                let fits = |chord: i64| if inclusive { metres(chord) <= limit } else { metres(chord) < limit };
                assert!((bound < 0 || fits(bound)) && !fits(bound + 1), "{limit} {inclusive}: {bound}");
            }
        }
        assert_eq!((bound(-1.0, true), bound(f64::NAN, true), bound(0.0, false), bound(0.0, true)), (-1, -1, -1, 0));
        assert!(bound(1e9, false) >= LONGEST);
    }

    #[test]
    fn keys_hold_the_place() {
        let value = json!({"lat": 35.68, "lng": 139.76, "name": "Tokyo"});
        let at = Point::of(&value).unwrap();
        assert_eq!(place_of_key(&key(Some(&value))), Some(at.place()));
        assert!(key(Some(&value)).starts_with(&key_of_cell(cell(at))));
        for odd in [json!({"lat": 91, "lng": 0}), json!({"lat": "1", "lng": 0}), json!([1, 2]), json!(null)] {
            assert_eq!(place_of_key(&key(Some(&odd))), None, "{odd}");
            assert!(key(Some(&odd)) < key(Some(&value)));
        }
        assert_eq!(key(None).len(), KEY_LENGTH);
    }
}
