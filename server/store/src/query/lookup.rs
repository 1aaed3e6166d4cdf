//! Leaves about other documents: a row of another collection, by an id that this document makes.

use basalt_core::CollectionName;
use basalt_core::filter::{Filter, IdPart, LookupId};

use super::condition::Form;
use super::dialect::{self, Kind};
use super::leaf::FALSE;
use super::operand::{Operand, storable};
use super::print::{Printer, Scope};
use crate::catalog::Collection;

impl Printer<'_> {
    pub(super) fn exists(&mut self, name: &CollectionName, id: &LookupId, form: Form, scope: &Scope<'_>) -> String {
        let id = self.lookup_id(id, scope);
        let other = self.catalog.collection(name).cloned();
        match (other, form) {
            (None, Form::True) => FALSE.to_owned(),
            (None, Form::False) => format!("{id} IS NOT NULL"),
            (Some(other), Form::True) => format!("EXISTS ({})", self.row_of(&other, &id).1),
            (Some(other), Form::False) => {
                let row = self.row_of(&other, &id).1;
                format!("({id} IS NOT NULL AND NOT EXISTS ({row}))")
            }
        }
    }

    pub(super) fn lookup(
        &mut self,
        name: &CollectionName,
        id: &LookupId,
        filter: &Filter,
        form: Form,
        scope: &Scope<'_>,
    ) -> String {
        let Some(other) = self.catalog.collection(name).cloned() else { return FALSE.to_owned() };
        let id = self.lookup_id(id, scope);
        let (alias, row) = self.row_of(&other, &id);
        let inner = Scope { collection: &other, table: alias, elements: scope.elements.clone(), columns: None };
        let holds = self.filter(filter, form, &inner);
        format!("EXISTS ({row} AND {holds})")
    }

    /// The row of another collection with this id, and its alias.
    fn row_of(&mut self, other: &Collection, id: &str) -> (String, String) {
        let alias = self.alias('d');
        let row = format!("SELECT 1 FROM {} AS {alias} WHERE {alias}.id = {id}", table_of(other));
        (alias, row)
    }

    /// The id as a text; NULL where a part is none.
    fn lookup_id(&mut self, id: &LookupId, scope: &Scope<'_>) -> String {
        let mut parts = Vec::new();
        for part in &id.0 {
            parts.push(match part {
                // An id is never like that.
                IdPart::Text(text) if !storable(text) => self.bind_text("\u{1}"),
                IdPart::Text(text) => self.bind_text(text),
                IdPart::Place(place) => {
                    let operand = Operand::of(place, scope, self);
                    operand.choose(&[(Kind::Text, operand.text())], "NULL")
                }
            });
        }
        if parts.is_empty() {
            parts.push(self.bind_text(""));
        }
        let cast: Vec<String> = parts.iter().map(|part| format!("CAST({part} AS text)")).collect();
        format!("({})", dialect::collated(self.dialect, &cast.join(" || ")))
    }
}

pub(super) fn table_of(collection: &Collection) -> String {
    format!("c_{}", collection.short_id)
}
