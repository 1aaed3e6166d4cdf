//! Cells: the bits of latitude and longitude, interleaved, so that what is near mostly has near cells (Z-order).

use super::{Point, metres};

/// The bits of one coordinate.
const BITS: u32 = 32;
/// Cells that cover a box, at most: with more of them they fit better, and cost more look-ups.
const CELLS: usize = 24;
/// Degrees that a box is larger by: more than the rounding of places and of this arithmetic.
const MARGIN: f64 = 1e-6;
const TOP: u64 = (1 << BITS) - 1;

/// Steps of latitude and longitude, both inclusive.
#[derive(Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
}

#[derive(Clone, Copy)]
struct Rectangle {
    lat: Span,
    lng: Span,
}

/// A square of the grid: its sides are 2^`level` steps.
#[derive(Clone, Copy)]
struct Square {
    lat: u64,
    lng: u64,
    level: u32,
}

pub(super) fn of(point: Point) -> u64 {
    interleave(step(point.lat, 90.0), step(point.lng, 180.0))
}

/// Ranges of cells, inclusive and in order, that hold every point whose chord from `around` is at most `chord` (and points
/// beside).
pub fn cover(around: Point, chord: i64) -> Vec<(u64, u64)> {
    let radius = (metres(chord.max(0)) / super::RADIUS).to_degrees() + MARGIN;
    let lat = Span { from: step(around.lat - radius, 90.0), to: step(around.lat + radius, 90.0) };
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for lng in longitudes(around, radius) {
        ranges.extend(squares(Rectangle { lat, lng }).into_iter().map(Square::range));
    }
    ranges.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match merged.last_mut() {
            Some((_, end)) if end.checked_add(1).is_none_or(|next| next >= from) => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// The longitudes within a radius (degrees of arc), in one span or, across the date line, in two.
fn longitudes(around: Point, radius: f64) -> Vec<Span> {
    let all = vec![Span { from: 0, to: TOP }];
    if around.lat.abs() + radius >= 90.0 {
        return all;
    }
    // The meridians that touch the circle.
    let half = (radius.to_radians().sin() / around.lat.to_radians().cos()).min(1.0).asin().to_degrees() + MARGIN;
    let (from, to) = (around.lng - half, around.lng + half);
    let span = |from: f64, to: f64| Span { from: step(from, 180.0), to: step(to, 180.0) };
    match (from < -180.0, to > 180.0) {
        (true, true) => all,
        (true, false) => vec![span(-180.0, to), span(from + 360.0, 180.0)],
        (false, true) => vec![span(from, 180.0), span(-180.0, to - 360.0)],
        (false, false) => vec![span(from, to)],
    }
}

/// Squares that cover a rectangle, refined while they are few.
fn squares(rectangle: Rectangle) -> Vec<Square> {
    let mut squares = vec![Square { lat: 0, lng: 0, level: BITS }];
    loop {
        let mut finer = Vec::with_capacity(squares.len() * 4);
        for square in &squares {
            if square.level == 0 || square.is_within(rectangle) {
                finer.push(*square);
            } else {
                finer.extend(square.quarters().into_iter().filter(|quarter| quarter.touches(rectangle)));
            }
        }
        let is_finest = finer.len() == squares.len() && finer.iter().zip(&squares).all(|(a, b)| a.level == b.level);
        if finer.len() > CELLS || is_finest {
            return squares;
        }
        squares = finer;
    }
}

impl Square {
    fn spans(self) -> (Span, Span) {
        let last = (1 << self.level) - 1;
        (Span { from: self.lat, to: self.lat + last }, Span { from: self.lng, to: self.lng + last })
    }

    fn touches(self, rectangle: Rectangle) -> bool {
        let (lat, lng) = self.spans();
        let meet = |a: Span, b: Span| a.from <= b.to && b.from <= a.to;
        meet(lat, rectangle.lat) && meet(lng, rectangle.lng)
    }

    fn is_within(self, rectangle: Rectangle) -> bool {
        let (lat, lng) = self.spans();
        let inside = |a: Span, b: Span| b.from <= a.from && a.to <= b.to;
        inside(lat, rectangle.lat) && inside(lng, rectangle.lng)
    }

    fn quarters(self) -> [Self; 4] {
        let level = self.level - 1;
        let half = 1 << level;
        [(0, 0), (0, half), (half, 0), (half, half)].map(|(lat, lng)| Self {
            lat: self.lat + lat,
            lng: self.lng + lng,
            level,
        })
    }

    fn range(self) -> (u64, u64) {
        let from = interleave(self.lat, self.lng);
        (from, from | (1_u64 << self.level << self.level).wrapping_sub(1))
    }
}

/// The step of a coordinate within ± `limit`.
fn step(degrees: f64, limit: f64) -> u64 {
    let share = ((degrees + limit) / (2.0 * limit)).clamp(0.0, 1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 2^32")]
    let step = (share * (TOP as f64 + 1.0)) as u64;
    step.min(TOP)
}

/// Latitude's bits are the upper ones of each pair.
fn interleave(lat: u64, lng: u64) -> u64 {
    spread(lat) << 1 | spread(lng)
}

/// Puts a zero before each of the lower 32 bits.
fn spread(mut bits: u64) -> u64 {
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::bound;

    #[test]
    fn a_cover_holds_whatever_is_near_also_at_the_poles_and_the_date_line() {
        let mut seed = 7_u64;
        let mut draw = |range: f64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((seed >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0) * range
        };
        let centres =
            [(0.0, 0.0), (35.68, 139.76), (0.0, 180.0), (0.0, -180.0), (66.0, 179.999), (89.9, 20.0), (-90.0, 0.0)];
        for (lat, lng) in centres {
            let around = Point::new(lat, lng).unwrap();
            for metres in [0.0, 1.0, 500.0, 20_000.0, 1_500_000.0, 12_000_000.0, 30_000_000.0] {
                let chord = bound(metres, true);
                let ranges = cover(around, chord);
                assert!(!ranges.is_empty() && ranges.len() <= 2 * CELLS, "{ranges:?}");
                assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
                let degrees = (metres / 111_000.0).max(1e-7) * 1.2;
                for _ in 0..300 {
                    let lng = lng + draw(degrees) / lat.to_radians().cos().max(0.01);
                    let lng = (lng + 540.0).rem_euclid(360.0) - 180.0;
                    let Some(other) = Point::new((lat + draw(degrees)).clamp(-90.0, 90.0), lng) else { continue };
                    let near = around.place().chord(other.place()) <= chord;
                    let cell = of(other);
                    let held = ranges.iter().any(|(from, to)| (*from..=*to).contains(&cell));
                    assert!(held || !near, "{around:?} {metres} {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_small_cover_is_small() {
        let around = Point::new(35.68, 139.76).unwrap();
        let share: f64 = cover(around, bound(1_000.0, true)).iter().map(|(from, to)| (to - from) as f64).sum();
        // A square of 2 km by 2.5 km is about 1e-8 of the grid.
        assert!(share / (u64::MAX as f64) < 6e-8, "{}", share / u64::MAX as f64);
    }
}
