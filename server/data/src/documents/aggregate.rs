//! Aggregates: the list rule says which documents count.

use basalt_core::{Caller, Code, CollectionName, Error, FieldError, Result};
use basalt_expr::FieldTypes;
use basalt_store::Aggregate;

use super::aggregate_query::AggregateQuery;
use super::answer::Aggregated;
use super::cursor::Question;
use super::definitions::with_fresh;
use super::having;
use super::input::CountMode;
use super::list::limit;
use super::service::Documents;
use super::sort;
use crate::rules::Binding;

impl Documents {
    /// Groups of the documents that the caller may list and that match, with measures of each.
    pub async fn aggregate(
        &self,
        caller: &Caller,
        collection: &CollectionName,
        query: AggregateQuery,
    ) -> Result<Aggregated> {
        let binding = Binding::new(caller.clone());
        with_fresh(&self.0.store, || self.aggregate_once(&binding, collection, &query)).await
    }

    async fn aggregate_once(
        &self,
        binding: &Binding,
        collection: &CollectionName,
        query: &AggregateQuery,
    ) -> Result<Aggregated> {
        let limit = limit(query.limit, CountMode::None)?;
        let sort = sort::parse_names(&query.sort, &query.names())?;
        let question = question(binding.caller(), collection, query);
        let offset = match &query.cursor {
            Some(cursor) => self.0.cursor_key.open::<u64>(&question, cursor)?,
            None => 0,
        };
        let granted = self.granted(binding, collection).await?;
        let wanted = self.wanted(&granted, query.filter.as_deref(), &query.vars)?;
        let filter = granted.filter(binding, wanted.as_ref())?;
        granted.check_readable(query.group_by.iter().map(|key| &key.path), "/groupBy")?;
        check_times(query, &granted.compiled.times)?;
        granted.check_readable(query.measures.iter().filter_map(|measure| measure.path.as_ref()), "/measures")?;
        let having = having::lower(binding, query)?;
        if (filter.is_never_true() && !query.group_by.is_empty()) || having.is_never_true() {
            return Ok(Aggregated::default());
        }
        let aggregate = Aggregate {
            collection: collection.clone(),
            filter,
            group_by: query.group_by.clone(),
            measures: query.measures.clone(),
            having,
            sort,
            limit,
            offset,
        };
        let page = self.0.store.aggregate(aggregate).await?;
        let next = offset.saturating_add(page.items.len() as u64);
        let next_cursor = page.more.then(|| self.0.cursor_key.seal(&question, &next)).transpose()?;
        Ok(Aggregated { items: page.items, next_cursor })
    }
}

/// Spans of time are of fields that hold stored times.
fn check_times(query: &AggregateQuery, times: &dyn FieldTypes) -> Result<()> {
    match query.group_by.iter().find(|key| key.bucket.is_some() && !times.is_time(&key.path)) {
        None => Ok(()),
        Some(key) => {
            let message = format!(
                "{} is not declared as a time: give it `format: date-time` in the schema, or take createdAt or updatedAt.",
                key.path
            );
            let fault = FieldError::new("/groupBy", "bad_bucket", message.clone());
            Err(Error::new(Code::BadParameter, message).with_errors(vec![fault]))
        }
    }
}

fn question(caller: &Caller, collection: &CollectionName, query: &AggregateQuery) -> Question {
    let groups: Vec<String> = query.group_by.iter().map(|key| format!("{key:?}")).collect();
    let measures: Vec<String> = query.measures.iter().map(|measure| format!("{measure:?}")).collect();
    Question::new("aggregate", caller)
        .with(collection)
        .with(&query.filter)
        .with(&query.vars)
        .with(groups)
        .with(measures)
        .with(&query.having)
        .with(&query.sort)
}
