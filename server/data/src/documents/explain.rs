//! `explain=true`: how a list is served, and which index would help. For those whom no rule is asked of: to
//! others it would tell what the rules compare.

use basalt_core::filter::Filter;
use basalt_core::text::Query;
use basalt_core::{Caller, Code, CollectionName, Error, FieldPath, Principal, Result};
use basalt_store::{Access, Branch, Index, IndexSpec, explain, has_point};
use serde_json::{Value, json};

use super::definitions::with_fresh;
use super::filter::check_readable;
use super::input::ListQuery;
use super::search;
use super::service::Documents;
use super::sort::Sort;
use crate::collections::index_to_json;
use crate::rules::Binding;

/// How a query is served.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explained {
    /// The alternatives of the filter's disjunctions: `{"access":"scan"|"primaryKey"|"index","index"?,"ordered",
    /// "unindexed"}`, an index as definitions write it.
    pub branches: Vec<Value>,
    /// The index that finds the words of a search. Without another order its hits are all there is to look at.
    pub search: Option<Value>,
    /// The vectors that are measured: those of the documents that the branches find.
    pub nearest: Option<Value>,
    /// Indexes that would help, as definitions write them.
    pub suggestions: Vec<Value>,
}

impl Documents {
    pub async fn explain(&self, caller: &Caller, collection: &CollectionName, query: &ListQuery) -> Result<Explained> {
        if matches!(caller.principal, Principal::Visitor | Principal::User(_)) {
            return Err(Error::new(Code::Forbidden, "Plans are for services."));
        }
        let binding = Binding::new(caller.clone());
        with_fresh(&self.0.store, || self.explain_once(&binding, collection, query)).await
    }

    async fn explain_once(
        &self,
        binding: &Binding,
        collection: &CollectionName,
        query: &ListQuery,
    ) -> Result<Explained> {
        let sort = Sort::parse(&query.sort)?;
        let words = query.search.as_deref().map(Query::parse).transpose()?;
        let granted = self.granted(binding, collection).await?;
        let wanted = self.wanted(&granted, query.filter.as_deref(), &query.vars)?;
        let filter = granted.filter(binding, wanted.as_ref())?;
        check_readable(sort.paths(), &granted.grant, "/sort")?;
        let search = words.map(|words| search::within(&words, &granted)).transpose()?;
        let search = search.map(|search| json!({ "search": texts(&search.fields) }));
        if let Some(nearest) = &query.nearest {
            nearest.check(query, &granted)?;
        }
        let nearest = query.nearest.as_ref().map(|nearest| json!({ "vector": nearest.field.to_string() }));
        if let (Some(search), true) = (&search, query.sort.is_empty()) {
            let hits = json!({ "access": "index", "index": search, "ordered": false, "unindexed": [] });
            return Ok(Explained { branches: vec![hits], search: Some(search.clone()), ..Explained::default() });
        }
        let by_distance = matches!(sort, Sort::Near { .. });
        let (filter, fields) = match sort {
            Sort::Fields(fields) => (filter, fields),
            Sort::Near { path, point } => (Filter::and([filter, has_point(path, point)]), Vec::new()),
        };
        let mut plan = explain(&granted.catalog, collection, &filter, &fields)?;
        // The cells of a geo index are that order.
        plan.branches.iter_mut().for_each(|branch| branch.ordered |= by_distance);
        let mut suggested: Vec<IndexSpec> = Vec::new();
        for spec in plan.branches.iter().filter_map(|branch| branch.suggestion.as_ref()) {
            if !suggested.contains(spec) {
                suggested.push(spec.clone());
            }
        }
        let branches = plan.branches.iter().map(|branch| to_json(branch, &granted.compiled.indexes)).collect();
        let suggestions = suggested.iter().map(index_to_json).collect();
        Ok(Explained { branches, search, nearest, suggestions })
    }
}

fn texts(paths: &[FieldPath]) -> Vec<String> {
    paths.iter().map(ToString::to_string).collect()
}

fn to_json(branch: &Branch, indexes: &[Index]) -> Value {
    let mut shown = json!({ "ordered": branch.ordered, "unindexed": texts(&branch.unindexed) });
    shown["access"] = match &branch.access {
        Access::Scan => "scan".into(),
        Access::PrimaryKey => "primaryKey".into(),
        Access::Index(name) => {
            shown["index"] = indexes.iter().find(|index| index.name == *name).map(|i| index_to_json(&i.spec)).into();
            "index".into()
        }
    };
    shown
}
