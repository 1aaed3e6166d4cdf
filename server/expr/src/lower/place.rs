//! Places: fields of the document, of a list's element, or of a document that is looked up.

use basalt_core::CollectionName;
use basalt_core::FieldPath;
use basalt_core::filter::{Filter, Leaf, LookupId, Place, Root};

use super::{Known, Lowering, Lowers};
use crate::eval::Val;
use crate::tree::{Kind, Name, Node};
use crate::types::Type;

/// What an enclosing macro's element is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// A value that doesn't depend on `doc`.
    Closed,
    /// The element of the n-th enclosing list, which is one of this document's.
    Element { index: usize, context: u32 },
}

/// A place, and the look-ups by which its document is reached, from the outside in.
#[derive(Clone)]
pub(super) struct OpenPlace {
    pub(super) chain: Vec<LookUp>,
    pub(super) root: Root,
    pub(super) path: Vec<String>,
    /// There can be nothing at it: every condition on it is an error.
    pub(super) broken: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct LookUp {
    pub(super) collection: CollectionName,
    pub(super) id: LookupId,
}

impl OpenPlace {
    fn at(root: Root) -> Self {
        Self { chain: Vec::new(), root, path: Vec::new(), broken: false }
    }

    pub(super) fn broken() -> Self {
        Self { broken: true, ..Self::at(Root::Document) }
    }

    pub(super) fn field(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }

    /// The document itself, and not something in it.
    pub(super) fn is_whole(&self) -> bool {
        self.root == Root::Document && self.path.is_empty()
    }
}

impl<'a> Lowering<'a, '_> {
    pub(super) fn place(&mut self, node: &'a Node) -> Lowers<OpenPlace> {
        match &node.kind {
            Kind::Name(Name::Doc) if self.context == 0 => Ok(OpenPlace::at(Root::Document)),
            Kind::Variable(slot) => match self.bounds.get(*slot) {
                Some(Bound::Element { index, context }) if *context == self.context => {
                    Ok(OpenPlace::at(Root::Element(*index)))
                }
                _ => self.fault(node, OUTSIDE),
            },
            Kind::Name(Name::Doc) => self.fault(node, OUTSIDE),
            Kind::Select { of, name } => Ok(self.place(of)?.field(name)),
            Kind::Index(sides) => self.indexed(node, &sides[0], &sides[1]),
            Kind::Get { collection, id } => Ok(match self.lookup_id(id)? {
                Some((mut chain, id)) => {
                    chain.push(LookUp { collection: collection.clone(), id });
                    OpenPlace { chain, ..OpenPlace::at(Root::Document) }
                }
                None => OpenPlace::broken(),
            }),
            _ => self.refuse(node),
        }
    }

    fn indexed(&mut self, node: &'a Node, of: &'a Node, key: &'a Node) -> Lowers<OpenPlace> {
        let place = self.place(of)?;
        if key.open {
            let message =
                "A key that depends on `doc` has no exact SQL form: use a constant, or one from auth or vars.";
            return self.fault(key, message);
        }
        match self.known(key)? {
            Known::Value(Val::Text(name)) => Ok(place.field(&name)),
            Known::Unknown if key.kind_of != Type::Number => Ok(place.field("")),
            // A map has no such key; and a document is a map.
            Known::Value(Val::Int(_) | Val::Float(_)) if place.is_whole() => Ok(OpenPlace::broken()),
            Known::Unknown | Known::Value(Val::Int(_) | Val::Float(_)) => {
                let message =
                    "An element's number has no exact SQL form: use `in`, exists() or all(), or a field of its own.";
                self.fault(node, message)
            }
            Known::Failed | Known::Value(_) => Ok(OpenPlace::broken()),
        }
    }

    /// A leaf at a place, within the look-ups that lead there.
    pub(super) fn leaf(&mut self, node: &Node, place: OpenPlace, make: impl FnOnce(Place) -> Leaf) -> Lowers<Filter> {
        self.spend(node, 1 + place.chain.len())?;
        if place.broken {
            return Ok(Filter::Error);
        }
        if place.is_whole() {
            let message = "A document as a whole has no exact SQL form here: name one of its fields.";
            return self.fault(node, message);
        }
        let OpenPlace { chain, root, path, .. } = place;
        let leaf = make(Place { root, path: FieldPath::from_names(path) });
        Ok(within(chain, Filter::Leaf(leaf)))
    }
}

/// A condition on the last document of a chain of look-ups.
pub(super) fn within(chain: Vec<LookUp>, filter: Filter) -> Filter {
    chain.into_iter().rev().fold(filter, |filter, LookUp { collection, id }| {
        Filter::Leaf(Leaf::Lookup { collection, id, filter: Box::new(filter) })
    })
}

const OUTSIDE: &str = "Within a list of a looked-up document only its own elements can be asked about, in a list rule or a \
                       filter.";
