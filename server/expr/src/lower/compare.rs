//! Comparisons of something open with something known.

use basalt_core::filter::{Filter, Leaf, Order, Root, Scalar, SizeTest, TextTest};
use basalt_core::geo::Point;
use basalt_core::json::canonical_f64;
use basalt_core::limits::IN_LIST;

use super::place::{OpenPlace, within};
use super::{Join, Known, Lowering, Lowers, add, count, undefined, unknown};
use crate::eval::{Exhaustion, List, Map, Val, equal, functions};
use crate::tree::{Kind, Node};
use crate::types::Type;

/// What can be compared with a known value.
enum Operand {
    Place(OpenPlace),
    /// `size(place)`
    Size(OpenPlace),
    /// `timestamp(place)` of canonical texts
    Time(OpenPlace),
    /// `geo.distance(place, point)`; `None`: the other one is no point
    Distance(OpenPlace, Option<Point>),
    Condition(Filter),
}

/// A known value as a leaf takes it.
enum AsScalar {
    Scalar(Scalar),
    /// Equal to nothing that is stored (a duration, a type).
    Foreign,
    Composite,
}

const COMPOSITE: &str = "A list or map can't be compared with a field in a list rule or filter: compare its parts, or use \
                         `in`.";

const DISTANCE: &str = "In a list rule or filter geo.distance() is compared with a number of metres by <, <=, > or >=.";
const DISTANCE_WITHIN: &str = "In a list rule or filter geo.distance() is of a field of the document itself, which has a geo \
                               index: not of an element of a list, nor of a document that is looked up.";

impl<'a> Lowering<'a, '_> {
    fn operand(&mut self, node: &'a Node) -> Lowers<Operand> {
        match &node.kind {
            Kind::Size(of) => self.place(of).map(Operand::Size),
            Kind::Distance(sides) => self.distance(node, sides),
            Kind::Timestamp { of, stored: true } => self.place(of).map(Operand::Time),
            Kind::Name(_) | Kind::Select { .. } | Kind::Index(_) | Kind::Variable(_) | Kind::Get { .. } => {
                self.place(node).map(Operand::Place)
            }
            _ if node.kind_of == Type::Bool => self.condition(node).map(Operand::Condition),
            _ => self.refuse(node),
        }
    }

    pub(super) fn equality(&mut self, node: &'a Node, sides: &'a [Node; 2]) -> Lowers<Filter> {
        let [left, right] = sides;
        match (left.open, right.open) {
            (true, true) if left.kind_of == Type::Bool && right.kind_of == Type::Bool => {
                let (left, right) = (self.condition(left)?, self.condition(right)?);
                self.spend(node, count(&left) + count(&right))?;
                let both = Filter::and([left.clone(), right.clone()]);
                Ok(Filter::or([both, Filter::and([!left, !right])]))
            }
            (true, true) => self.refuse_pair(node, sides),
            (true, false) => self.equal(node, left, right),
            (false, _) => self.equal(node, right, left),
        }
    }

    fn equal(&mut self, node: &'a Node, open: &'a Node, closed: &'a Node) -> Lowers<Filter> {
        let operand = self.operand(open)?;
        let known = self.known(closed)?;
        match operand {
            Operand::Place(place) => self.equal_place(node, place, known, closed),
            Operand::Size(place) => self.size(node, place, SizeTest::Equal, &known),
            Operand::Time(place) => {
                let Some(value) = instant(&known) else { return Ok(Filter::Error) };
                let mut parts = Vec::with_capacity(2);
                for order in [Order::Ge, Order::Le] {
                    let (place, value) = (place.clone(), value.clone());
                    add(&mut parts, self.leaf(node, place, |place| Leaf::Order { place, order, value })?, Join::And);
                }
                Ok(Filter::and(parts))
            }
            Operand::Distance(..) => self.fault(open, DISTANCE),
            Operand::Condition(filter) => Ok(match known {
                Known::Unknown | Known::Value(Val::Bool(true)) => filter,
                Known::Value(Val::Bool(false)) => !filter,
                Known::Failed | Known::Value(Val::Time(_) | Val::Duration(_)) => Filter::Error,
                Known::Value(_) => undefined(filter),
            }),
        }
    }

    fn equal_place(&mut self, node: &Node, place: OpenPlace, known: Known<'a>, closed: &Node) -> Lowers<Filter> {
        let value = match known {
            Known::Unknown if matches!(closed.kind_of, Type::List | Type::Map) => return self.fault(node, COMPOSITE),
            Known::Unknown => Scalar::Null,
            Known::Failed | Known::Value(Val::Time(_) | Val::Duration(_)) => return Ok(Filter::Error),
            Known::Value(value) => match scalar(&value) {
                AsScalar::Scalar(value) => value,
                AsScalar::Composite => return self.fault(node, COMPOSITE),
                AsScalar::Foreign => return self.leaf(node, place, |place| Leaf::In { place, values: Vec::new() }),
            },
        };
        self.leaf(node, place, |place| Leaf::Equal { place, value })
    }

    pub(super) fn order(&mut self, node: &'a Node, order: Order, sides: &'a [Node; 2]) -> Lowers<Filter> {
        let [left, right] = sides;
        let (open, closed, order) = match (left.open, right.open) {
            (true, true) => return self.refuse_pair(node, sides),
            (true, false) => (left, right, order),
            (false, _) => (right, left, flipped(order)),
        };
        let operand = self.operand(open)?;
        let known = self.known(closed)?;
        match operand {
            Operand::Place(place) => {
                let value = match &known {
                    Known::Unknown => Scalar::Int(0),
                    Known::Value(value @ (Val::Int(_) | Val::Float(_) | Val::Text(_))) => match scalar(value) {
                        AsScalar::Scalar(value) => value,
                        AsScalar::Foreign | AsScalar::Composite => return Ok(Filter::Error),
                    },
                    Known::Failed | Known::Value(_) => return Ok(Filter::Error),
                };
                self.leaf(node, place, |place| Leaf::Order { place, order, value })
            }
            Operand::Size(place) => self.size(node, place, SizeTest::Order(order), &known),
            Operand::Time(place) => match instant(&known) {
                Some(value) => self.leaf(node, place, |place| Leaf::Order { place, order, value }),
                None => Ok(Filter::Error),
            },
            Operand::Distance(place, point) => {
                let metres = match known {
                    Known::Unknown => 0.0,
                    Known::Value(Val::Int(metres)) => metres as f64,
                    Known::Value(Val::Float(metres)) => metres,
                    Known::Failed | Known::Value(_) => return Ok(Filter::Error),
                };
                let Some(point) = point else { return Ok(Filter::Error) };
                self.leaf(node, place, |place| Leaf::Distance { place, point, order, metres })
            }
            Operand::Condition(_) => self.refuse(open),
        }
    }

    fn distance(&mut self, node: &'a Node, sides: &'a [Node; 2]) -> Lowers<Operand> {
        let [left, right] = sides;
        let (open, closed) = match (left.open, right.open) {
            (true, true) => return self.refuse_pair(node, sides),
            (true, false) => (left, right),
            (false, _) => (right, left),
        };
        let place = self.place(open)?;
        if !place.chain.is_empty() || place.root != Root::Document {
            return self.fault(open, DISTANCE_WITHIN);
        }
        let point = match self.known(closed)? {
            // Whatever point it will be.
            Known::Unknown => Point::new(0.0, 0.0),
            Known::Value(value) => functions::point(&value).ok(),
            Known::Failed => None,
        };
        Ok(Operand::Distance(place, point))
    }

    fn size(&mut self, node: &Node, place: OpenPlace, test: SizeTest, known: &Known<'a>) -> Lowers<Filter> {
        let never = (SizeTest::Order(Order::Lt), 0);
        let (test, value) = match known {
            Known::Unknown => (test, 0),
            Known::Value(Val::Int(value)) => (test, *value),
            Known::Value(Val::Float(value)) => match canonical_f64(*value).and_then(|number| number.as_i64()) {
                Some(value) => (test, value),
                None => match test {
                    SizeTest::Equal => never,
                    SizeTest::Order(order) => whole(order, *value),
                },
            },
            Known::Failed | Known::Value(Val::Time(_) | Val::Duration(_)) => return Ok(Filter::Error),
            Known::Value(_) if test == SizeTest::Equal => never,
            Known::Value(_) => return Ok(Filter::Error),
        };
        self.leaf(node, place, |place| Leaf::Size { place, test, value })
    }

    pub(super) fn contained(&mut self, node: &'a Node, sides: &'a [Node; 2]) -> Lowers<Filter> {
        let [value, list] = sides;
        match (value.open, list.open) {
            (true, true) => self.refuse_pair(node, sides),
            (false, _) => match &list.kind {
                Kind::List(items) => self.in_made_list(node, value, items),
                _ => self.in_place(node, value, list),
            },
            (true, false) => match self.operand(value)? {
                Operand::Place(place) => {
                    let known = self.known(list)?;
                    self.place_in(node, place, known)
                }
                Operand::Size(place) => {
                    let known = self.known(list)?;
                    self.size_in(node, place, known)
                }
                Operand::Distance(..) => self.fault(value, DISTANCE),
                Operand::Time(_) | Operand::Condition(_) => {
                    self.fault(node, "`in` has no exact SQL form here: write comparisons joined by ||.")
                }
            },
        }
    }

    /// `value in doc.list`
    fn in_place(&mut self, node: &'a Node, value: &'a Node, list: &'a Node) -> Lowers<Filter> {
        let place = self.place(list)?;
        let known = self.known(value)?;
        if place.is_whole() && !place.broken {
            // A document is a map, and its keys are its fields.
            return match known {
                Known::Value(Val::Text(name)) => self.leaf(node, place.field(&name), |place| Leaf::Has { place }),
                Known::Unknown => self.leaf(node, place.field(""), |place| Leaf::Has { place }),
                Known::Failed => Ok(Filter::Error),
                Known::Value(_) => Ok(within(place.chain, Filter::False)),
            };
        }
        let value = match known {
            Known::Unknown if matches!(value.kind_of, Type::List | Type::Map) => return self.fault(node, COMPOSITE),
            Known::Unknown => Scalar::Null,
            Known::Failed => return Ok(Filter::Error),
            Known::Value(value) => match scalar(&value) {
                AsScalar::Scalar(value) => value,
                AsScalar::Composite => return self.fault(node, COMPOSITE),
                AsScalar::Foreign => {
                    let filter = self.leaf(node, place, |place| Leaf::Contains { place, value: Scalar::Null })?;
                    return Ok(undefined(filter));
                }
            },
        };
        self.leaf(node, place, |place| Leaf::Contains { place, value })
    }

    /// `doc.x in list`
    fn place_in(&mut self, node: &Node, place: OpenPlace, known: Known<'a>) -> Lowers<Filter> {
        let values = match known {
            Known::Unknown => Vec::new(),
            Known::Value(Val::List(list)) => self.scalars(node, &list)?,
            Known::Value(Val::Map(map)) => self.keys(node, &map)?,
            Known::Failed | Known::Value(_) => return Ok(Filter::Error),
        };
        self.leaf(node, place, |place| Leaf::In { place, values })
    }

    fn scalars(&self, node: &Node, list: &List<'a>) -> Lowers<Vec<Scalar>> {
        self.check_length(node, list.len())?;
        let mut values = Vec::with_capacity(list.len());
        for item in list.iter() {
            match scalar(&item) {
                AsScalar::Scalar(value) => values.push(value),
                AsScalar::Foreign => {}
                AsScalar::Composite => return self.fault(node, COMPOSITE),
            }
        }
        Ok(values)
    }

    fn keys(&self, node: &Node, map: &Map<'a>) -> Lowers<Vec<Scalar>> {
        self.check_length(node, map.len())?;
        Ok(map.keys().into_iter().map(|key| Scalar::Text(key.to_owned())).collect())
    }

    pub(super) fn check_length(&self, node: &Node, length: usize) -> Lowers<()> {
        if length > IN_LIST {
            return self
                .fault(node, format!("A list of at most {IN_LIST} values is taken here; this one has {length}."));
        }
        Ok(())
    }

    /// `size(doc.x) in list`
    fn size_in(&mut self, node: &Node, place: OpenPlace, known: Known<'a>) -> Lowers<Filter> {
        let Known::Value(Val::List(list)) = known else {
            // No size is a map's key; all else on the right is an error.
            return match known {
                Known::Value(Val::Map(_)) | Known::Unknown => {
                    self.size(node, place, SizeTest::Equal, &Known::Value(Val::Null))
                }
                _ => Ok(Filter::Error),
            };
        };
        self.check_length(node, list.len())?;
        let mut parts = Vec::with_capacity(list.len() + 1);
        for item in list.iter().filter(|item| matches!(item, Val::Int(_) | Val::Float(_))) {
            add(&mut parts, self.size(node, place.clone(), SizeTest::Equal, &Known::Value(item))?, Join::Or);
        }
        add(&mut parts, self.size(node, place, SizeTest::Equal, &Known::Value(Val::Null))?, Join::Or);
        Ok(Filter::or(parts))
    }

    /// `value in [doc.a, 'b', doc.c]`: an error where one of the fields is missing, even if another is equal.
    fn in_made_list(&mut self, node: &'a Node, value: &'a Node, items: &'a [Node]) -> Lowers<Filter> {
        let known = self.known(value)?;
        let mut present = Vec::with_capacity(items.len() + 1);
        let mut equals = Vec::with_capacity(items.len());
        for item in items {
            if item.open {
                let Operand::Place(place) = self.operand(item)? else { return self.refuse(item) };
                let missing = self.leaf(item, place.clone(), |place| Leaf::In { place, values: Vec::new() })?;
                present.push(!missing);
                let own = match &known {
                    Known::Value(Val::Time(_) | Val::Duration(_)) => continue,
                    Known::Value(value) => Known::Value(value.clone()),
                    Known::Unknown => Known::Unknown,
                    Known::Failed => Known::Failed,
                };
                equals.push(self.equal_place(item, place, own, value)?);
                continue;
            }
            match (&known, self.known(item)?) {
                (_, Known::Failed) => return Ok(Filter::Error),
                (Known::Value(value), Known::Value(item)) => equals.push(self.equal_known(node, value, &item)?),
                _ => {}
            }
        }
        if matches!(known, Known::Failed) {
            return Ok(Filter::Error);
        }
        let is_one = Filter::or(equals);
        if is_one == Filter::False {
            // A plain false would win over the error of a missing field.
            return Ok(Filter::or(present.into_iter().map(undefined)));
        }
        present.push(is_one);
        Ok(Filter::and(present))
    }

    fn equal_known(&mut self, node: &Node, left: &Val<'a>, right: &Val<'a>) -> Lowers<Filter> {
        let Some(closed) = &mut self.closed else { return Ok(unknown()) };
        match equal(left, right, &mut closed.steps) {
            Ok(true) => Ok(Filter::True),
            Ok(false) => Ok(Filter::False),
            Err(_) => self.fault(node, Exhaustion::Steps.describe()),
        }
    }

    pub(super) fn text(&mut self, node: &'a Node, test: TextTest, sides: &'a [Node; 2]) -> Lowers<Filter> {
        let [asked, part] = sides;
        if part.open {
            return self.refuse_pair(node, sides);
        }
        let place = self.place(asked)?;
        let value = match self.known(part)? {
            Known::Unknown => String::new(),
            Known::Value(Val::Text(part)) => part.into_owned(),
            Known::Failed | Known::Value(_) => return Ok(Filter::Error),
        };
        self.leaf(node, place, |place| Leaf::Text { place, test, value })
    }
}

fn scalar(value: &Val<'_>) -> AsScalar {
    AsScalar::Scalar(match value {
        Val::Null => Scalar::Null,
        Val::Bool(value) => Scalar::Bool(*value),
        Val::Int(value) => Scalar::Int(*value),
        Val::Float(value) => match canonical_f64(*value).and_then(|number| number.as_i64()) {
            Some(integer) => Scalar::Int(integer),
            None => Scalar::Float(*value),
        },
        Val::Text(text) => Scalar::Text(text.to_string()),
        Val::Time(_) | Val::Duration(_) | Val::Type(_) => return AsScalar::Foreign,
        Val::List(_) | Val::Map(_) => return AsScalar::Composite,
    })
}

/// The canonical text of an instant, which orders as instants do; `None` where nothing can be compared.
fn instant(known: &Known<'_>) -> Option<Scalar> {
    match known {
        Known::Unknown => Some(Scalar::Text(String::new())),
        Known::Value(Val::Time(time)) => Some(Scalar::Text(time.to_string())),
        Known::Failed | Known::Value(_) => None,
    }
}

fn flipped(order: Order) -> Order {
    match order {
        Order::Lt => Order::Gt,
        Order::Le => Order::Ge,
        Order::Gt => Order::Lt,
        Order::Ge => Order::Le,
    }
}

/// The same comparison with a whole number, for whole numbers on its left.
fn whole(order: Order, value: f64) -> (SizeTest, i64) {
    // Saturates, which leaves the answer: no size is near the ends.
    #[expect(clippy::cast_possible_truncation, reason = "saturating")]
    let floor = value.floor() as i64;
    match order {
        Order::Lt | Order::Le => (SizeTest::Order(Order::Le), floor),
        Order::Gt | Order::Ge => (SizeTest::Order(Order::Gt), floor),
    }
}
