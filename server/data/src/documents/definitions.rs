//! The definitions that a request goes by: all of one epoch, and anew when the catalog has moved on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use basalt_core::{Code, Error, FieldError, Result};
use basalt_expr::{Expression, Fault, FieldTypes, Scope};
use basalt_store::Store;
use basalt_store::decide::is_stale_epoch;
use serde_json::Value;

use super::decision::{Definitions, Request};
use super::input::Condition;
use crate::collections::Collections;

/// The first and five more.
const TRIES: usize = 6;
/// How long one try waits for this node to learn of another's change of the catalog.
const PATIENCE: Duration = Duration::from_millis(250);

/// Runs a use case again, with fresh definitions, while the catalog moves on under it.
pub(super) async fn with_fresh<T, F>(store: &Store, mut use_case: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut tries = 0;
    loop {
        let epoch = store.catalog().epoch;
        tries += 1;
        match use_case().await {
            Err(error) if tries < TRIES && is_stale_epoch(&error) => wait_for_other(store, epoch).await,
            Err(error) if is_stale_epoch(&error) => {
                let detail = "The definitions of collections change too fast; try again.";
                return Err(Error::new(Code::Unavailable, detail).caused_by(error));
            }
            result => return result,
        }
    }
}

async fn wait_for_other(store: &Store, epoch: u64) {
    let mut changes = store.catalog_changes();
    // Neither a closed channel nor the time running out changes what is next: one more try.
    let _ = tokio::time::timeout(PATIENCE, changes.wait_for(|catalog| catalog.epoch != epoch)).await;
}

/// The definitions for each operation, all under the catalog's epoch.
pub(super) fn of_request(store: &Store, collections: &Collections, request: &Request) -> Result<Definitions> {
    for _ in 0..TRIES {
        let catalog = store.catalog();
        let mut compiled = Vec::with_capacity(request.operations.len());
        let mut conditions = Vec::with_capacity(request.operations.len());
        for (index, operation) in request.operations.iter().enumerate() {
            let locate = |error| request.form.locate(error, index);
            let definition = collections.get(&operation.collection).map_err(locate)?;
            let condition =
                operation.condition.as_ref().map(|condition| compile_condition(condition, &definition.times));
            conditions.push(condition.transpose().map_err(locate)?);
            compiled.push(definition);
        }
        if compiled.iter().all(|definition| definition.epoch == catalog.epoch) {
            return Ok(Definitions { catalog: Arc::clone(&catalog), compiled, conditions, drafts: Vec::new() });
        }
    }
    Err(Error::new(Code::Unavailable, "The definitions of collections change too fast; try again."))
}

fn compile_condition(condition: &Condition, types: &dyn FieldTypes) -> Result<(Expression, Value)> {
    let scope = Scope { doc: true, bare_fields: true, vars: true, request: true, ..Scope::default() };
    let expression =
        Expression::compile(&condition.source, &scope, types).map_err(|faults| bad_filter("/where", &faults))?;
    Ok((expression, Value::Object(condition.vars.clone())))
}

/// Faults of an expression that a client sent.
pub(super) fn bad_filter(path: &str, faults: &[Fault]) -> Error {
    let errors: Vec<FieldError> = faults
        .iter()
        .map(|fault| FieldError {
            line: Some(fault.line),
            column: Some(fault.column),
            ..FieldError::new(path, Code::BadFilter.as_str(), fault.message.clone())
        })
        .collect();
    let place = faults.first().map(|fault| (fault.line, fault.column));
    let error = Error::new(Code::BadFilter, "The filter can't be used, see errors.").with_errors(errors);
    match place {
        Some((line, column)) => error.with("line", line).with("column", column),
        None => error,
    }
}
