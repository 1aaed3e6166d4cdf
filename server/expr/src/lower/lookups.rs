//! `exists()` and `get()` with ids that depend on the document.

use basalt_core::CollectionName;
use basalt_core::FieldPath;
use basalt_core::filter::{Filter, IdPart, Leaf, LookupId, Place};

use super::place::{LookUp, within};
use super::{Known, Lowering, Lowers};
use crate::eval::Val;
use crate::tree::{Kind, Node, Operator};

impl<'a> Lowering<'a, '_> {
    pub(super) fn exists(&mut self, node: &'a Node, collection: &CollectionName, id: &'a Node) -> Lowers<Filter> {
        let Some((chain, id)) = self.lookup_id(id)? else { return Ok(Filter::Error) };
        self.spend(node, 1 + chain.len())?;
        Ok(within(chain, Filter::Leaf(Leaf::Exists { collection: collection.clone(), id })))
    }

    /// The parts of an id, and the look-ups that lead to the document whose fields they are. `None`: an error, whatever
    /// the document is.
    pub(super) fn lookup_id(&mut self, node: &'a Node) -> Lowers<Option<(Vec<LookUp>, LookupId)>> {
        let mut terms = Vec::new();
        collect_terms(node, &mut terms);
        let mut parts: Vec<IdPart> = Vec::with_capacity(terms.len());
        let mut chain: Option<Vec<LookUp>> = None;
        let mut is_error = false;
        for term in terms {
            if !term.open {
                match self.known(term)? {
                    Known::Unknown => {}
                    Known::Value(Val::Text(text)) => match parts.last_mut() {
                        Some(IdPart::Text(before)) => before.push_str(&text),
                        _ => parts.push(IdPart::Text(text.into_owned())),
                    },
                    Known::Failed | Known::Value(_) => is_error = true,
                }
                continue;
            }
            if !matches!(term.kind, Kind::Select { .. } | Kind::Index(_) | Kind::Variable(_)) {
                let message =
                    "In a list rule or filter the id of a look-up is made of fields and known texts, joined by +.";
                return self.fault(term, message);
            }
            let place = self.place(term)?;
            is_error |= place.broken;
            match &chain {
                Some(before) if *before != place.chain && !place.broken && !is_error => {
                    return self.fault(term, "The fields in the id of a look-up have to be of one document.");
                }
                _ => chain = Some(place.chain),
            }
            parts.push(IdPart::Place(Place { root: place.root, path: FieldPath::from_names(place.path) }));
        }
        Ok((!is_error).then(|| (chain.unwrap_or_default(), LookupId(parts))))
    }
}

/// The operands of open additions, from left to right; what is closed is added up as a whole.
fn collect_terms<'a>(node: &'a Node, terms: &mut Vec<&'a Node>) {
    match &node.kind {
        Kind::Arithmetic(Operator::Add, sides) if node.open => sides.iter().for_each(|side| collect_terms(side, terms)),
        _ => terms.push(node),
    }
}
