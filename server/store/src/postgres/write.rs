//! A decided group as the arguments of `basalt_commit`.

use std::collections::BTreeSet;

use basalt_core::change::Body;
use basalt_core::{Document, Error, Result, Timestamp};
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::read::{Expectations, ExpectedDocument, ExpectedHolder};
use crate::commit::{DocumentState, Group, op_number};
use crate::keys;

const CALL: &str = "SELECT o_outcome, o_what, o_first_seq FROM basalt_commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
                    $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, \
                    $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, \
                    $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61)";

/// What became of a group.
pub(crate) enum Outcome {
    /// With the place of its first change.
    Committed(i64),
    /// Something that was read is another by now.
    Conflict(String),
    /// The catalog is another by now.
    Epoch,
}

/// What a commit is called.
pub(crate) struct Ticket<'a> {
    /// Under which it can be found out what became of it; empty: writes nothing, checks only.
    pub(crate) group: &'a str,
    pub(crate) lock: bool,
    pub(crate) expires: Timestamp,
}

/// Statements of a family with the rows that each picks.
#[derive(Default)]
struct Family<'a> {
    sqls: Vec<&'a str>,
    numbers: Vec<i32>,
}

impl<'a> Family<'a> {
    /// Notes a row of the statement, whose number is counted from 1.
    fn row(&mut self, sql: &'a str) {
        let known = self.sqls.iter().position(|known| std::ptr::eq(*known, sql));
        let position = known.unwrap_or_else(|| {
            self.sqls.push(sql);
            self.sqls.len() - 1
        });
        self.numbers.push(i32::try_from(position + 1).unwrap_or(i32::MAX));
    }
}

#[derive(Default)]
struct Elements<'a> {
    family: Family<'a>,
    keys: Vec<Vec<u8>>,
    ids: Vec<&'a str>,
}

impl<'a> Elements<'a> {
    fn row(&mut self, sql: &'a str, key: Vec<u8>, id: &'a str) {
        self.family.row(sql);
        self.keys.push(key);
        self.ids.push(id);
    }
}

#[derive(Default)]
struct Ids<'a> {
    family: Family<'a>,
    ids: Vec<&'a str>,
}

#[derive(Default)]
struct Puts<'a> {
    family: Family<'a>,
    ids: Vec<&'a str>,
    revs: Vec<&'a str>,
    created: Vec<String>,
    updated: Vec<String>,
    data: Vec<&'a str>,
    /// Where each row's keys begin, counted from 1.
    at: Vec<i32>,
    keys: Vec<Vec<u8>>,
}

impl<'a> Puts<'a> {
    fn row(&mut self, state: &'a DocumentState, document: &'a Document, data: &'a str) {
        let sets = state.tables.sets();
        self.family.row(if state.initial.is_some() { &sets.update } else { &sets.insert });
        self.ids.push(document.id.as_str());
        self.revs.push(document.rev.as_str());
        self.created.push(document.created_at.to_string());
        self.updated.push(document.updated_at.to_string());
        self.data.push(data);
        self.at.push(i32::try_from(self.keys.len() + 1).unwrap_or(i32::MAX));
        self.keys.extend(keys::all(document, &state.tables));
    }
}

#[derive(Default)]
struct Documents<'a> {
    deletes: Ids<'a>,
    releases: Ids<'a>,
    puts: Puts<'a>,
    gone: Elements<'a>,
    come: Elements<'a>,
}

impl<'a> Documents<'a> {
    fn new(group: &'a Group) -> Self {
        let mut documents = Self::default();
        for state in group.documents() {
            match &state.last {
                None => {
                    documents.deletes.family.row(&state.tables.sets().delete);
                    documents.deletes.ids.push(state.id.as_str());
                }
                Some(last) => documents.puts.row(state, &last.document, &last.data),
            }
            documents.elements(state);
            documents.search(state);
        }
        for state in group.releases() {
            documents.releases.family.row(&state.tables.sets().release);
            documents.releases.ids.push(state.id.as_str());
        }
        documents
    }

    fn elements(&mut self, state: &'a DocumentState) {
        for (n, side) in state.tables.sides.iter().enumerate() {
            let sets = state.tables.sets();
            let old = state
                .initial
                .as_ref()
                .map(|document| keys::beside(document, &side.path, side.kind))
                .unwrap_or_default();
            let new =
                state.last.as_ref().map(|last| keys::beside(&last.document, &side.path, side.kind)).unwrap_or_default();
            for key in old.difference(&new) {
                self.gone.row(&sets.remove_elements[n], key.clone(), state.id.as_str());
            }
            // While the table is being filled, elements that were there before may not be in it yet.
            for key in new.iter().filter(|key| !side.ready || !old.contains(*key)) {
                self.come.row(&sets.add_elements[n], key.clone(), state.id.as_str());
            }
        }
    }

    /// All parts of a document go and come together, as elements do.
    fn search(&mut self, state: &'a DocumentState) {
        let Some(search) = state.tables.search.as_ref().filter(|search| search.is_touched(state)) else { return };
        let sets = state.tables.sets();
        if state.initial.is_some() {
            self.gone.row(&sets.remove_search, Vec::new(), state.id.as_str());
        }
        for part in state.last.iter().flat_map(|last| search.parts(&last.document)) {
            self.come.row(&sets.add_search, part, state.id.as_str());
        }
    }
}

#[derive(Default)]
struct Expected<'a> {
    documents: Ids<'a>,
    revs: Vec<Option<&'a str>>,
    holders: Family<'a>,
    at: Vec<i32>,
    holder_ids: Vec<Option<&'a str>>,
    keys: Vec<&'a [u8]>,
}

impl<'a> Expected<'a> {
    fn new(expectations: &'a Expectations) -> Self {
        let mut expected = Self::default();
        for ExpectedDocument { tables, id, rev } in &expectations.documents {
            expected.documents.family.row(&tables.sets().expect);
            expected.documents.ids.push(id.as_str());
            expected.revs.push(rev.as_ref().map(basalt_core::Rev::as_str));
        }
        for ExpectedHolder { tables, index, key, holder } in &expectations.holders {
            expected.holders.row(&tables.sets().expect_holder[*index]);
            expected.at.push(i32::try_from(expected.keys.len() + 1).unwrap_or(i32::MAX));
            expected.holder_ids.push(holder.as_ref().map(basalt_core::DocumentId::as_str));
            expected.keys.extend(keys::split_unique(key).unwrap_or_default());
        }
        expected
    }
}

#[derive(Default)]
struct Cells<'a> {
    touched: CellKeys<'a>,
    expected: CellKeys<'a>,
    versions: Vec<i64>,
    written: CellKeys<'a>,
    /// `None`: to be removed.
    values: Vec<Option<String>>,
    expiries: Vec<Option<i64>>,
}

#[derive(Default)]
struct CellKeys<'a> {
    spaces: Vec<&'a str>,
    keys: Vec<&'a str>,
}

impl<'a> CellKeys<'a> {
    fn push(&mut self, space: &'a str, key: &'a str) {
        self.spaces.push(space);
        self.keys.push(key);
    }
}

impl<'a> Cells<'a> {
    fn new(group: &'a Group, expectations: &'a Expectations) -> Result<Self> {
        let mut cells = Self::default();
        let mut touched: BTreeSet<(&str, &str)> = BTreeSet::new();
        for (key, version) in &expectations.cells {
            touched.insert((key.space, &key.key));
            cells.expected.push(key.space, &key.key);
            cells.versions.push(*version);
        }
        for (key, state) in &group.cells {
            touched.insert((key.space, &key.key));
            cells.written.push(key.space, &key.key);
            let value = state.as_ref().map(|cell| serde_json::to_string(&cell.value)).transpose();
            cells.values.push(value.map_err(Error::internal)?);
            cells.expiries.push(state.as_ref().and_then(|cell| cell.expires_at).map(Timestamp::millis));
        }
        for (space, key) in touched {
            cells.touched.push(space, key);
        }
        Ok(cells)
    }
}

#[derive(Default)]
struct Changes<'a> {
    collections: Vec<&'a str>,
    ids: Vec<&'a str>,
    ops: Vec<i32>,
    after: Vec<Option<&'a str>>,
    before: Vec<Option<&'a str>>,
    actor_types: Vec<&'a str>,
    actor_ids: Vec<Option<&'a str>>,
    requests: Vec<&'a str>,
    at: Vec<i64>,
    /// Of the group's changes up to and with this.
    bytes: Vec<i64>,
}

impl<'a> Changes<'a> {
    fn new(group: &'a Group) -> Self {
        let (mut changes, mut bytes) = (Self::default(), 0);
        for change in &group.changes {
            let origin = &change.origin;
            bytes += i64::try_from(change.bytes()).unwrap_or(i64::MAX);
            changes.collections.push(change.collection.as_str());
            changes.ids.push(change.id.as_str());
            changes.ops.push(i32::try_from(op_number(change.op)).unwrap_or_default());
            changes.after.push(change.after.as_ref().map(Body::text));
            changes.before.push(change.before.as_ref().map(Body::text));
            changes.actor_types.push(crate::changes::actor_text(origin.actor.kind));
            changes.actor_ids.push(origin.actor.id.as_deref());
            changes.requests.push(&origin.request_id);
            changes.at.push(origin.at.millis());
            changes.bytes.push(bytes);
        }
        changes
    }
}

#[derive(Default)]
struct Jobs<'a> {
    kinds: Vec<&'a str>,
    keys: Vec<Option<&'a str>>,
    orders: Vec<Option<&'a str>>,
    payloads: Vec<String>,
    run_at: Vec<i64>,
    enqueued_at: Vec<i64>,
}

impl<'a> Jobs<'a> {
    fn new(group: &'a Group) -> Result<Self> {
        let mut jobs = Self::default();
        for (job, origin) in &group.jobs {
            jobs.kinds.push(&job.kind);
            jobs.keys.push(job.key.as_deref());
            jobs.orders.push(job.order_key.as_deref());
            jobs.payloads.push(serde_json::to_string(&job.payload).map_err(Error::internal)?);
            jobs.run_at.push(job.run_at.millis());
            jobs.enqueued_at.push(origin.at.millis());
        }
        Ok(jobs)
    }
}

/// The arguments of a group, worked out before any of them is sent.
pub(crate) struct Call<'a> {
    epoch: i64,
    expected: Expected<'a>,
    documents: Documents<'a>,
    cells: Cells<'a>,
    changes: Changes<'a>,
    jobs: Jobs<'a>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(group: &'a Group, expectations: &'a Expectations) -> Result<Self> {
        Ok(Self {
            epoch: i64::try_from(group.known.epoch()).map_err(Error::internal)?,
            expected: Expected::new(expectations),
            documents: Documents::new(group),
            cells: Cells::new(group, expectations)?,
            changes: Changes::new(group),
            jobs: Jobs::new(group)?,
        })
    }

    #[rustfmt::skip] // a line for each family, as in the function
    pub(crate) async fn send(&self, connection: &mut PgConnection, ticket: &Ticket<'_>) -> sqlx::Result<Outcome> {
        let Self { epoch, expected: e, documents: d, cells, changes: c, jobs: j } = self;
        let (deletes, releases, puts) = (&d.deletes, &d.releases, &d.puts);
        let (gone, come) = (&d.gone, &d.come);
        let row = sqlx::query(CALL)
            .bind(ticket.group).bind(ticket.lock).bind(epoch).bind(ticket.expires.millis())
            .bind(&e.documents.family.sqls).bind(&e.documents.family.numbers).bind(&e.documents.ids).bind(&e.revs)
            .bind(&e.holders.sqls).bind(&e.holders.numbers).bind(&e.at).bind(&e.holder_ids).bind(&e.keys)
            .bind(&cells.touched.spaces).bind(&cells.touched.keys)
            .bind(&cells.expected.spaces).bind(&cells.expected.keys).bind(&cells.versions)
            .bind(&deletes.family.sqls).bind(&deletes.family.numbers).bind(&deletes.ids)
            .bind(&releases.family.sqls).bind(&releases.family.numbers).bind(&releases.ids)
            .bind(&puts.family.sqls).bind(&puts.family.numbers).bind(&puts.ids).bind(&puts.revs).bind(&puts.created)
            .bind(&puts.updated).bind(&puts.data).bind(&puts.at).bind(&puts.keys)
            .bind(&gone.family.sqls).bind(&gone.family.numbers).bind(&gone.keys).bind(&gone.ids)
            .bind(&come.family.sqls).bind(&come.family.numbers).bind(&come.keys).bind(&come.ids)
            .bind(&cells.written.spaces).bind(&cells.written.keys).bind(&cells.values).bind(&cells.expiries)
            .bind(&c.collections).bind(&c.ids).bind(&c.ops).bind(&c.after).bind(&c.before).bind(&c.actor_types)
            .bind(&c.actor_ids).bind(&c.requests).bind(&c.at).bind(&c.bytes)
            .bind(&j.kinds).bind(&j.keys).bind(&j.orders).bind(&j.payloads).bind(&j.run_at).bind(&j.enqueued_at)
            .fetch_one(connection)
            .await?;
        match row.try_get::<&str, _>(0)? {
            "committed" => Ok(Outcome::Committed(row.try_get(2)?)),
            "conflict" => Ok(Outcome::Conflict(row.try_get::<Option<String>, _>(1)?.unwrap_or_default())),
            "epoch" => Ok(Outcome::Epoch),
            other => Err(sqlx::Error::Decode(format!("basalt_commit answers {other}").into())),
        }
    }
}
