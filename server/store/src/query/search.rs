//! What a search finds, as SQL: conditions on the tables that `crate::search` writes.

use basalt_core::text::Term;
use basalt_core::{Code, Error, FieldPath, Result};

use super::Search;
use super::print::{Printer, Scope, and};
use crate::catalog::{Index, IndexState};
use crate::sql::Dialect;

/// The column of [`scored`] that is ordered by.
pub(super) const SCORE: &str = "h.score";

/// A condition on the documents: the search finds them.
pub(super) fn found(search: &Search, scope: &Scope<'_>, printer: &mut Printer<'_>) -> Result<String> {
    let index = Usable::new(search, scope)?;
    let terms = search.query.terms();
    let table = &scope.table;
    Ok(match printer.dialect {
        Dialect::Sqlite => {
            let all: Vec<String> = terms.iter().map(match_phrase).collect();
            let side = index.table;
            let query = printer.bind_text(&match_columns(&index.fields, &all.join(" AND ")));
            format!("{table}.row_id IN (SELECT rowid FROM {side} WHERE {side} MATCH {query})")
        }
        Dialect::Postgres => {
            let each: Vec<String> =
                terms.iter().map(|term| format!("{table}.id IN ({})", index.ids(term, "", printer))).collect();
            and(&each)
        }
    })
}

/// Rows of `doc`, by which [`joined`] finds the document, and `score`.
pub(super) fn scored(search: &Search, scope: &Scope<'_>, printer: &mut Printer<'_>) -> Result<String> {
    let index = Usable::new(search, scope)?;
    let terms = search.query.terms();
    // Whole words count again; only the terms themselves have to be found.
    let whole = terms.iter().filter(|term| term.open && term.word).map(|term| Term { open: false, ..term.clone() });
    let entries: Vec<Term> = terms.iter().cloned().chain(whole).collect();
    let mut selects = Vec::new();
    for (number, term) in entries.iter().enumerate() {
        match printer.dialect {
            Dialect::Sqlite => {
                for (field, weight) in index.weights() {
                    let query = printer.bind_text(&match_columns(&[field], &match_phrase(term)));
                    let side = index.table;
                    selects.push(format!(
                        "SELECT rowid AS doc, {number} AS e, {weight} AS w FROM {side} WHERE {side} MATCH {query}"
                    ));
                }
            }
            // Parts of one field count once: UNION.
            Dialect::Postgres => {
                selects.push(index.ids(
                    term,
                    &format!(" AS doc, {number} AS e, {} AS w", index.weight_of_row()),
                    printer,
                ));
            }
        }
    }
    let union = match printer.dialect {
        Dialect::Sqlite => " UNION ALL ",
        Dialect::Postgres => " UNION ",
    };
    let needed = terms.len();
    Ok(format!(
        "SELECT m.doc, sum(m.w) AS score FROM ({}) AS m GROUP BY m.doc \
         HAVING count(DISTINCT CASE WHEN m.e < {needed} THEN m.e END) = {needed}",
        selects.join(union)
    ))
}

/// How a row of [`scored`], named `h`, is joined to its document.
pub(super) fn joined(scope: &Scope<'_>, printer: &Printer<'_>) -> String {
    match printer.dialect {
        Dialect::Sqlite => format!("{}.row_id = h.doc", scope.table),
        Dialect::Postgres => format!("{}.id = h.doc", scope.table),
    }
}

/// A ready index, and which of its fields are looked through.
struct Usable<'a> {
    table: &'a str,
    fields: Vec<usize>,
    /// Of all its fields.
    count: usize,
}

impl<'a> Usable<'a> {
    fn new(search: &Search, scope: &Scope<'a>) -> Result<Self> {
        let collection = scope.collection;
        let Some(Index { name, spec, state }) = collection.search_index() else {
            let detail = format!("The collection {:?} has no fields to search.", collection.name);
            return Err(Error::new(Code::NotSearchable, detail));
        };
        if *state != IndexState::Ready {
            return Err(Error::new(Code::Unavailable, "The search index is being built; try again in a moment."));
        }
        let of = |path: &FieldPath| spec.fields.iter().position(|field| field.path == *path);
        let fields: Vec<usize> = search.fields.iter().filter_map(of).collect();
        if fields.is_empty() {
            return Err(Error::internal("a search in no field of the index"));
        }
        Ok(Self { table: name, fields, count: spec.fields.len() })
    }

    /// Each field that is looked through, with its weight.
    fn weights(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.fields.iter().map(|field| (*field, 1 << (self.count - 1 - field)))
    }

    /// PostgreSQL: the ids of the parts that hold a term, and further columns.
    fn ids(&self, term: &Term, more: &str, printer: &mut Printer<'_>) -> String {
        let side = self.table;
        let query = printer.bind_text(&vector_query(term));
        let fields: Vec<String> = self.fields.iter().map(ToString::to_string).collect();
        format!(
            "SELECT s.id{more} FROM {side} AS s WHERE s.tokens @@ CAST({query} AS text)::tsquery AND s.field IN ({})",
            fields.join(", ")
        )
    }

    fn weight_of_row(&self) -> String {
        let arms: Vec<String> = self.weights().map(|(field, weight)| format!("WHEN {field} THEN {weight}")).collect();
        format!("CASE s.field {} ELSE 0 END", arms.join(" "))
    }
}

/// FTS5: an expression within these columns.
fn match_columns(fields: &[usize], expression: &str) -> String {
    let columns: Vec<String> = fields.iter().map(|field| format!("f{field}")).collect();
    format!("{{{}}} : ({expression})", columns.join(" "))
}

/// FTS5: tokens hold nothing that would have to be escaped.
fn match_phrase(term: &Term) -> String {
    format!("\"{}\"{}", term.tokens.join(" "), if term.open { " *" } else { "" })
}

fn vector_query(term: &Term) -> String {
    let tokens: Vec<String> = term.tokens.iter().map(|token| format!("'{token}'")).collect();
    format!("{}{}", tokens.join(" <-> "), if term.open { ":*" } else { "" })
}
