//! Lists: rule and filter are one condition of one statement; nothing is filtered afterwards.

use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::limits::{PAGE_DEFAULT, PAGE_MAX};
use basalt_core::text::Query;
use basalt_core::{Caller, Code, CollectionName, Document, Error, FieldPath, Result};
use basalt_store::{Catalog, Count, List, Near, NearPage, Page, Search, has_point};
use serde_json::{Map, Value};

use super::answer::{Listed, ListedPage, ListedTexts};
use super::cursor::Question;
use super::definitions::with_fresh;
use super::filter::{Wanted, check_readable};
use super::gather::Gathered;
use super::input::{CountMode, ListQuery, Show};
use super::present::Shape;
use super::search;
use super::service::Documents;
use super::sort::Sort;
use crate::collections::Compiled;
use crate::rules::{Binding, Denial, ListGrant, ListVerdict, Readable, Revealed};

/// The member of an answer's document that says how far it is.
const DISTANCE: &str = "distance";

/// What a caller may list of a collection, with the definitions that say so.
pub(super) struct Granted {
    pub compiled: Arc<Compiled>,
    pub catalog: Arc<Catalog>,
    pub grant: ListGrant,
    pub facts: Gathered,
}

/// The answer of a list rule.
pub(super) enum Asked {
    Granted(Box<Granted>),
    Denied(Denial),
}

/// A parsed query.
struct Plan {
    search: Option<Query>,
    sort: Sort,
    show: Show,
    limit: u32,
    question: Question,
}

/// What the database found.
struct Found {
    page: Page,
    /// Of each document, where they are in an order of distance.
    distances: Vec<f64>,
}

/// How a caller takes documents of which all is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Fields,
    Texts,
}

/// Rows stay in their order when they are shown.
pub(super) fn show_distances(items: &mut [Map<String, Value>], distances: &[f64]) {
    for (item, distance) in items.iter_mut().zip(distances) {
        item.insert(DISTANCE.to_owned(), (*distance).into());
    }
}

impl Documents {
    /// The documents that the caller may list and that match, in order.
    pub async fn query(&self, caller: &Caller, collection: &CollectionName, query: ListQuery) -> Result<Listed> {
        if let Some(nearest) = &query.nearest {
            return self.nearest(caller, collection, &query, nearest).await;
        }
        let binding = Binding::new(caller.clone());
        let plan = Plan::new(caller, collection, &query)?;
        let listed = with_fresh(&self.0.store, || self.list(&binding, collection, &query, &plan, Form::Fields)).await?;
        match listed {
            ListedPage::Fields(listed) => Ok(listed),
            ListedPage::Texts(_) => Err(Error::internal("a page of texts was not asked for")),
        }
    }

    /// The same, with documents that are shown whole as their JSON text: what goes out as it is stored isn't parsed.
    pub async fn page(&self, caller: &Caller, collection: &CollectionName, query: ListQuery) -> Result<ListedPage> {
        if query.nearest.is_some() {
            return self.query(caller, collection, query).await.map(ListedPage::Fields);
        }
        let binding = Binding::new(caller.clone());
        let plan = Plan::new(caller, collection, &query)?;
        with_fresh(&self.0.store, || self.list(&binding, collection, &query, &plan, Form::Texts)).await
    }

    async fn list(
        &self,
        binding: &Binding,
        collection: &CollectionName,
        query: &ListQuery,
        plan: &Plan,
        form: Form,
    ) -> Result<ListedPage> {
        let mut granted = self.granted(binding, collection).await?;
        let shape = Shape::compile(&self.0.collections, &granted.compiled, &plan.show)?;
        let wanted = self.wanted(&granted, query.filter.as_deref(), &query.vars)?;
        let filter = granted.filter(binding, wanted.as_ref())?;
        let search = plan.search.as_ref().map(|query| search::within(query, &granted)).transpose()?;
        check_readable(plan.sort.paths(), &granted.grant, "/sort")?;
        let after = query.cursor.as_deref().map(|cursor| self.0.cursor_key.open(&plan.question, cursor)).transpose()?;
        let count = query.count == CountMode::Exact;
        if plan.limit == 0 {
            let total = self.count(collection, plan.counted(filter), search).await?;
            return Ok(ListedPage::Fields(Listed { total: Some(total), ..Listed::default() }));
        }
        if filter.is_never_true() {
            return Ok(ListedPage::Fields(Listed { total: count.then_some(0), ..Listed::default() }));
        }
        let (collection, searched) = (collection.clone(), search.clone());
        let list = List { collection, filter, search: searched, sort: Vec::new(), limit: plan.limit, after, count };
        if let (Form::Texts, Sort::Fields(sort), None) = (form, &plan.sort, &search)
            && shape.is_whole()
            && granted.grant.shows_all()
        {
            let page = self.0.store.list_texts(List { sort: sort.clone(), ..list }).await?;
            let shown = || page.documents.iter().filter_map(|text| serde_json::from_str(text).ok());
            debug_assert!(granted.all_match(binding, wanted.as_ref(), shown()), "the database and the evaluator agree");
            return self.texts(plan, &granted, page).map(ListedPage::Texts);
        }
        let Found { page, distances } = self.find(plan, list).await?;
        let Page { documents, next, total } = page;
        let shown = || documents.iter().map(|document| Value::Object(document.to_flat()));
        debug_assert!(granted.all_match(binding, wanted.as_ref(), shown()), "the database and the evaluator agree");
        let readable = self.reveal(&mut granted, documents).await?;
        let highlights = search.as_ref().map(|search| search::highlights(search, &readable));
        let mut items = self.present(binding, &shape, readable).await?;
        show_distances(&mut items, &distances);
        search::show(&mut items, highlights);
        let next_cursor = next.map(|keyset| self.0.cursor_key.seal(&plan.question, &keyset)).transpose()?;
        Ok(ListedPage::Fields(Listed { items, next_cursor, total }))
    }

    fn texts(&self, plan: &Plan, granted: &Granted, page: Page<String>) -> Result<ListedTexts> {
        let Page { documents, next, total } = page;
        let reveal = |text| granted.grant.reveal_text(text).map(Readable::into_inner);
        let items = documents.into_iter().filter_map(reveal).collect();
        let next_cursor = next.map(|keyset| self.0.cursor_key.seal(&plan.question, &keyset)).transpose()?;
        Ok(ListedTexts { items, next_cursor, total })
    }

    async fn find(&self, plan: &Plan, list: List) -> Result<Found> {
        match &plan.sort {
            Sort::Fields(sort) => {
                let page = self.0.store.list(List { sort: sort.clone(), ..list }).await?;
                Ok(Found { page, distances: Vec::new() })
            }
            Sort::Near { path, point } => {
                let near = Near { list, path: path.clone(), point: *point };
                let NearPage { page, metres } = self.0.store.near(near).await?;
                Ok(Found { page, distances: metres })
            }
        }
    }

    async fn count(&self, collection: &CollectionName, filter: Filter, search: Option<Search>) -> Result<u64> {
        if filter.is_never_true() {
            return Ok(0);
        }
        self.0.store.count(Count { collection: collection.clone(), filter, search }).await
    }

    pub(super) fn wanted(
        &self,
        granted: &Granted,
        source: Option<&str>,
        vars: &Map<String, Value>,
    ) -> Result<Option<Wanted>> {
        source.map(|source| self.0.filters.compile(&granted.compiled, source, vars)).transpose()
    }

    /// What the caller may list, or why nothing.
    pub(super) async fn granted(&self, binding: &Binding, collection: &CollectionName) -> Result<Granted> {
        match self.ask_list(binding, collection).await? {
            Asked::Granted(granted) => Ok(*granted),
            Asked::Denied(denial) => Err(denial.into_list_error(binding.caller())),
        }
    }

    /// Asks the list rule, reading what it looks up.
    pub(super) async fn ask_list(&self, binding: &Binding, collection: &CollectionName) -> Result<Asked> {
        let compiled = self.0.collections.get(collection)?;
        let catalog = self.0.store.catalog();
        let mut facts = Gathered::default();
        loop {
            match compiled.rules.list(binding, &facts) {
                ListVerdict::Allow(grant) => {
                    return Ok(Asked::Granted(Box::new(Granted { compiled, catalog, grant, facts })));
                }
                ListVerdict::Deny(denial) => return Ok(Asked::Denied(denial)),
                ListVerdict::Need(reads) => facts.read(&self.0.store, &catalog, reads).await?,
            }
        }
    }

    /// Masks the rows. Field rules may look up documents, for all rows of the page at once.
    pub(super) async fn reveal(
        &self,
        granted: &mut Granted,
        documents: Vec<Document>,
    ) -> Result<Vec<Readable<Document>>> {
        let mut rows: Vec<Row> = documents.into_iter().map(Row::Masked).collect();
        loop {
            let mut needed = Vec::new();
            let reveal = |row| match row {
                Row::Shown(shown) => Row::Shown(shown),
                Row::Masked(document) => match granted.grant.reveal(document, &granted.facts) {
                    Revealed::Document(readable) => Row::Shown(readable),
                    Revealed::Need(document, reads) => {
                        needed.extend(reads);
                        Row::Masked(document)
                    }
                },
            };
            rows = rows.into_iter().map(reveal).collect();
            if needed.is_empty() {
                return Ok(rows.into_iter().filter_map(Row::shown).collect());
            }
            granted.facts.read(&self.0.store, &granted.catalog, needed).await?;
        }
    }
}

enum Row {
    /// Not shown before its field rules are decided.
    Masked(Document),
    Shown(Readable<Document>),
}

impl Row {
    fn shown(self) -> Option<Readable<Document>> {
        match self {
            Self::Masked(_) => None,
            Self::Shown(shown) => Some(shown),
        }
    }
}

impl Granted {
    /// Whether rule and filter are true in memory, too, of what the database selected.
    fn all_match(&self, binding: &Binding, wanted: Option<&Wanted>, mut flats: impl Iterator<Item = Value>) -> bool {
        flats.all(|flat| {
            self.compiled.rules.may_list(binding, &flat) && wanted.is_none_or(|wanted| wanted.holds(binding, &flat))
        })
    }

    /// The same, to look up for further rows.
    pub(super) fn again(&self) -> Self {
        Self {
            compiled: Arc::clone(&self.compiled),
            catalog: Arc::clone(&self.catalog),
            grant: self.grant.clone(),
            facts: self.facts.clone(),
        }
    }

    /// The rows that the caller may list and asks for.
    pub(super) fn filter(&self, binding: &Binding, wanted: Option<&Wanted>) -> Result<Filter> {
        let wanted = wanted.map_or(Ok(Filter::True), |wanted| wanted.lower(binding, &self.grant))?;
        Ok(Filter::and([self.grant.filter().clone(), wanted]))
    }

    pub(super) fn check_readable<'a>(&self, fields: impl IntoIterator<Item = &'a FieldPath>, path: &str) -> Result<()> {
        check_readable(fields, &self.grant, path)
    }
}

impl Plan {
    /// What is counted beside a page: in an order of distance only those with a point have a place.
    fn counted(&self, filter: Filter) -> Filter {
        match &self.sort {
            Sort::Fields(_) => filter,
            Sort::Near { path, point } => Filter::and([filter, has_point(path.clone(), *point)]),
        }
    }

    fn new(caller: &Caller, collection: &CollectionName, query: &ListQuery) -> Result<Self> {
        let question =
            Question::new("list", caller).with(collection).with(&query.filter).with(&query.vars).with(&query.sort);
        Ok(Self {
            search: query.search.as_deref().map(Query::parse).transpose()?,
            sort: Sort::parse(&query.sort)?,
            show: Show { select: query.select.clone(), expand: query.expand.clone() },
            limit: limit(query.limit, query.count)?,
            // A list without one has the cursors that it had before there was search.
            question: match &query.search {
                Some(search) => question.with(search),
                None => question,
            },
        })
    }
}

/// 0 is for counting alone.
pub(super) fn limit(asked: Option<u32>, count: CountMode) -> Result<u32> {
    match (asked, count) {
        (None, _) => Ok(PAGE_DEFAULT),
        (Some(0), CountMode::Exact) => Ok(0),
        (Some(0), CountMode::None) => Err(bad_limit("limit=0 goes with count=exact only.".to_owned())),
        (Some(limit), _) if limit <= PAGE_MAX => Ok(limit),
        (Some(_), _) => Err(bad_limit(format!("limit is at most {PAGE_MAX}."))),
    }
}

fn bad_limit(detail: String) -> Error {
    Error::new(Code::BadParameter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_1_to_500_and_0_to_count() {
        assert_eq!(limit(None, CountMode::None).unwrap(), 30);
        assert_eq!(limit(Some(500), CountMode::None).unwrap(), 500);
        assert_eq!(limit(Some(0), CountMode::Exact).unwrap(), 0);
        assert!(limit(Some(0), CountMode::None).is_err());
        assert!(limit(Some(501), CountMode::Exact).is_err());
    }
}
