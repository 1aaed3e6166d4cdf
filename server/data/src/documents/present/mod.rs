//! Documents as an answer shows them: the wanted fields, and what references lead to. Lists, single documents, live
//! queries and functions show by the same step.
//!
//! Promises: what a reference leads to is shown under its own collection's rules, masked by its own field rules, and
//! only where the caller reads the reference itself; each level is read at once, not a document at a time; an answer
//! has bounds, and cycles end by depth.

mod bounds;
mod expand;
mod references;
mod select;
mod shape;

use basalt_core::{CollectionName, Document, Result};
use serde_json::{Map, Value};

use super::definitions::with_fresh;
use super::input::Show;
use super::service::Documents;
use crate::rules::{Binding, Readable};
use expand::Expanding;

pub(crate) use select::Selection;
pub use shape::Shape;

/// The member of an answer's document that holds what its references lead to.
const EXPAND: &str = "expand";

impl Documents {
    /// What `show` asks for of the documents of a collection.
    pub fn shape(&self, collection: &CollectionName, show: &Show) -> Result<Shape> {
        Shape::compile(&self.0.collections, &*self.0.collections.get(collection)?, show)
    }

    /// Readable documents in their order, with their wanted fields and what their references lead to.
    pub async fn present(
        &self,
        binding: &Binding,
        shape: &Shape,
        documents: Vec<Readable<Document>>,
    ) -> Result<Vec<Map<String, Value>>> {
        let flats: Vec<Map<String, Value>> = documents.into_iter().map(|it| it.into_inner().into_flat()).collect();
        if shape.links().is_empty() || flats.is_empty() {
            return Ok(flats.into_iter().map(|flat| shape.narrow(flat)).collect());
        }
        let expanded =
            with_fresh(&self.0.store, || async { Expanding::new(self, binding).level(shape.links(), &flats).await })
                .await?;
        let shown = flats.into_iter().zip(expanded).map(|(flat, expanded)| {
            let mut shown = shape.narrow(flat);
            shown.insert(EXPAND.to_owned(), Value::Object(expanded.members));
            shown
        });
        Ok(shown.collect())
    }
}
