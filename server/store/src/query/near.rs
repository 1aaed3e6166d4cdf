//! Leaves about distances: what is near is found by ranges of cells in a geo index, and then told exactly by chords.

use std::time::Duration;

use basalt_core::filter::{Order, Place, Root};
use basalt_core::geo::{self, Point};
use basalt_core::{Code, Error, FieldPath, key};

use super::condition::Form;
use super::dialect;
use super::leaf::FALSE;
use super::lookup::table_of;
use super::print::{Printer, Scope, and};
use crate::catalog::{Collection, Index, IndexKind, IndexState, Keeps};

/// Beyond it most points are near, and an index is no help.
const WIDE_METRES: f64 = 3_000_000.0;
/// After which an index that is being built may be done.
pub(super) const BUILDING: Duration = Duration::from_secs(1);

impl Printer<'_> {
    pub(super) fn distance(
        &mut self,
        place: &Place,
        point: Point,
        (order, metres): (Order, f64),
        form: Form,
        scope: &Scope<'_>,
    ) -> String {
        if metres.is_nan() {
            return FALSE.to_owned();
        }
        let Some(column) = self.point_column(place, scope) else { return FALSE.to_owned() };
        let name = format!("{}.{column}", scope.table);
        let bound = geo::bound(metres, matches!(order, Order::Le | Order::Gt));
        if is_within(order, form) {
            if bound < 0 {
                return FALSE.to_owned();
            }
            return self.within(&name, point, bound, scope);
        }
        and(&[self.is_point(&name), self.compare_chord(&name, point, ">", bound)])
    }

    /// Rows whose chord is at most `bound`.
    pub(super) fn within(&mut self, column: &str, point: Point, bound: i64, scope: &Scope<'_>) -> String {
        if geo::metres(bound) < WIDE_METRES {
            return self.in_cells(column, point, bound, scope);
        }
        and(&[self.is_point(column), self.compare_chord(column, point, "<=", bound)])
    }

    /// Rows by the cells around the point: each range is one of the index.
    fn in_cells(&mut self, column: &str, point: Point, bound: i64, scope: &Scope<'_>) -> String {
        let (alias, table) = (self.alias('g'), table_of(scope.collection));
        let name = column.rsplit_once('.').map_or_else(String::new, |(_, column)| format!("{alias}.{column}"));
        let near = self.compare_chord(&name, point, "<=", bound);
        let ranges: Vec<String> = geo::cover(point, bound)
            .into_iter()
            .map(|(from, to)| {
                let from = self.bind_bytes(&geo::key_of_cell(from));
                let to = match to.checked_add(1) {
                    Some(behind) => geo::key_of_cell(behind),
                    None => vec![key::NUMBER + 1],
                };
                let to = self.bind_bytes(&to);
                format!("SELECT {alias}.id FROM {table} AS {alias} WHERE {name} >= {from} AND {name} < {to} AND {near}")
            })
            .collect();
        format!("{}.id IN ({})", scope.table, ranges.join(" UNION ALL "))
    }

    fn compare_chord(&mut self, column: &str, point: Point, sign: &str, bound: i64) -> String {
        let chord = dialect::chord(self, column, point.place());
        format!("{chord} {sign} {}", self.bind(bound.into()))
    }

    pub(super) fn is_point(&mut self, column: &str) -> String {
        format!("{column} >= {}", self.bind_bytes(&[key::NUMBER]))
    }

    /// The column of a geo index on the place; without one that is built the statement can't be.
    pub(super) fn point_column(&mut self, place: &Place, scope: &Scope<'_>) -> Option<String> {
        if let Some(column) = column(scope.collection, place) {
            return Some(column.to_owned());
        }
        self.fail(missing(scope.collection, place));
        None
    }
}

/// Whether the leaf in this form is of what is near.
pub(super) fn is_within(order: Order, form: Form) -> bool {
    matches!(order, Order::Lt | Order::Le) == (form == Form::True)
}

/// The geo index of a place, if it can be used.
pub(super) fn index<'a>(collection: &'a Collection, place: &Place) -> Option<&'a Index> {
    let of_place = |index: &&Index| {
        let field = index.spec.fields.first().map(|field| &field.path);
        index.spec.kind == IndexKind::Geo && place.root == Root::Document && field == Some(&place.path)
    };
    let ready = |path: &FieldPath| collection.column_of(path, Keeps::Point).is_some_and(|column| column.ready);
    collection.indexes.iter().find(of_place).filter(|index| index.state == IndexState::Ready && ready(&place.path))
}

fn column<'a>(collection: &'a Collection, place: &Place) -> Option<&'a str> {
    index(collection, place)?;
    collection.column_of(&place.path, Keeps::Point).map(|column| column.column.as_str())
}

fn missing(collection: &Collection, place: &Place) -> Error {
    let building = collection.column_of(&place.path, Keeps::Point).is_some();
    if building {
        let detail = format!("The geo index on {} is being built.", place.path);
        return Error::new(Code::Unavailable, detail).retry_after(BUILDING);
    }
    let detail = format!(
        "Distances from {0} can be asked for with a geo index alone: add {{ geo = \"{0}\" }} to the indexes of the \
         collection.",
        place.path
    );
    Error::new(Code::BadFilter, detail)
}
