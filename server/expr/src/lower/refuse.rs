//! What has no exact SQL form, and what to write instead.

use super::{Lowering, Lowers};
use crate::tree::{Kind, MacroKind, Node};

impl Lowering<'_, '_> {
    pub(super) fn refuse<T>(&self, node: &Node) -> Lowers<T> {
        self.fault(node, format!("In a list rule or filter {}", advice(&node.kind)))
    }

    /// Two sides that both depend on the document.
    pub(super) fn refuse_pair<T>(&self, node: &Node, sides: &[Node; 2]) -> Lowers<T> {
        // If one of them has no SQL form by itself, that is the better message.
        for side in sides {
            let is_form = matches!(
                side.kind,
                Kind::Arithmetic(..) | Kind::Negate(_) | Kind::Convert(..) | Kind::Distance(_) | Kind::Macro(_)
            );
            if is_form {
                return self.refuse(side);
            }
        }
        let message = "In a list rule or filter two fields can't be compared with each other: compare each with a value from \
                       auth, request or vars, or store the comparison's outcome in a field.";
        self.fault(node, message)
    }
}

fn advice(kind: &Kind) -> &'static str {
    match kind {
        Kind::Arithmetic(..) | Kind::Negate(_) => {
            "nothing can be computed from a field: move the computation to the other side of the comparison, or store \
             its result in a field."
        }
        Kind::Matches { .. } => "matches() can't be asked of a field: use startsWith(), endsWith() or contains().",
        Kind::Macro(of) => match of.kind {
            MacroKind::Map | MacroKind::Filter => "map() and filter() can't be used on a field: use exists() or all().",
            MacroKind::ExistsOne => "exists_one() can't be used on a field: use exists() or all().",
            MacroKind::Exists | MacroKind::All => "exists() and all() are conditions: compare nothing else with them.",
        },
        Kind::Timestamp { .. } => {
            "timestamp() works on fields that are declared `format: date-time` (and createdAt and updatedAt), whose \
             texts order as times do: declare the field, or compare it as a text."
        }
        Kind::Convert(..) => "a field can't be converted: compare it with a value of its own type.",
        Kind::Distance(_) => "geo.distance() is compared with a number of metres by <, <=, > or >=.",
        Kind::Ternary(_) => "`? :` chooses between conditions: move the comparison into its branches.",
        Kind::List(_) | Kind::Map(_) => "a list or map of fields can't be compared: compare each field.",
        Kind::Unchanged(_) => "unchanged() can't be used.",
        Kind::Size(_) => "size() is compared with a number.",
        Kind::Get { .. } | Kind::Name(_) => "a document as a whole can't be compared: name one of its fields.",
        _ => "this has no exact SQL form.",
    }
}
