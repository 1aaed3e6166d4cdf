//! Points on the Earth.

/// The Earth's mean radius in metres (IUGG).
const RADIUS: f64 = 6_371_008.8;

/// Degrees: latitude within ±90, longitude within ±180.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub lat: f64,
    pub lng: f64,
}

impl Point {
    /// `None` where the degrees are out of range.
    pub fn new(lat: f64, lng: f64) -> Option<Self> {
        let is_within = lat.abs() <= 90.0 && lng.abs() <= 180.0;
        is_within.then_some(Self { lat, lng })
    }

    /// The great-circle distance in metres on a sphere (the haversine formula; within 0.6 % of the ellipsoid's).
    pub fn distance(self, other: Self) -> f64 {
        let (own_lat, other_lat) = (self.lat.to_radians(), other.lat.to_radians());
        let by_lat = ((other_lat - own_lat) / 2.0).sin();
        let by_lng = ((other.lng - self.lng).to_radians() / 2.0).sin();
        let haversine = by_lat * by_lat + own_lat.cos() * other_lat.cos() * by_lng * by_lng;
        2.0 * RADIUS * haversine.sqrt().min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_metres() {
        let tokyo = Point::new(35.681_236, 139.767_125).unwrap();
        let osaka = Point::new(34.702_485, 135.495_951).unwrap();
        assert!((tokyo.distance(osaka) - 403_000.0).abs() < 1_000.0, "{}", tokyo.distance(osaka));
        assert!(tokyo.distance(tokyo).abs() < 1e-6);
        let (north, south) = (Point::new(90.0, 0.0).unwrap(), Point::new(-90.0, 0.0).unwrap());
        assert!((north.distance(south) - std::f64::consts::PI * RADIUS).abs() < 1e-3);
        assert!(Point::new(90.1, 0.0).is_none());
    }
}
