//! `db.…`: documents.

use basalt_core::change::seq_to_text;
use basalt_core::document::ID;
use basalt_core::{Code, Error, Result};
use basalt_data::documents::{AggregateQuery, ListQuery, PatchBody, Show, WriteOptions, Written};
use basalt_runtime::HostReply;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arguments::{Collection, Id, Names, condition, tags};
use super::{Call, reply, unknown};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Get {
    collection: Collection,
    id: Id,
    select: Option<Names>,
    expand: Option<Names>,
}

/// Of lists and aggregates.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    collection: Collection,
    #[serde(default)]
    query: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    collection: Collection,
    id: Option<Id>,
    data: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Put {
    collection: Collection,
    id: Id,
    data: Map<String, Value>,
    if_match: Option<String>,
    r#where: Option<String>,
    vars: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    collection: Collection,
    id: Id,
    patch: Value,
    #[serde(default)]
    upsert: bool,
    if_match: Option<String>,
    r#where: Option<String>,
    vars: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Delete {
    collection: Collection,
    id: Id,
    if_match: Option<String>,
    r#where: Option<String>,
    vars: Option<Map<String, Value>>,
}

pub(super) async fn call(call: Call<'_>, what: &str) -> Result<HostReply> {
    match what {
        "get" => get(call).await,
        "list" => list(call).await,
        "create" => create(call).await,
        "put" => put(call).await,
        "patch" => patch(call).await,
        "delete" => delete(call).await,
        "aggregate" => aggregate(call).await,
        "transaction" => transaction(call).await,
        _ => Err(unknown(call.op)),
    }
}

/// A document that isn't there, or not for this caller, is null.
async fn get(mut call: Call<'_>) -> Result<HostReply> {
    let Get { collection, id, select, expand } = call.read()?;
    let show = Show { select: select.map(Names::into_list), expand: expand.map(Names::into_list).unwrap_or_default() };
    match call.host.documents.get(call.caller, &collection.parse()?, &id.parse()?, &show).await {
        Ok(fetched) => reply(fetched.body),
        Err(error) if error.code() == Code::DocumentNotFound => reply(Value::Null),
        Err(error) => Err(error),
    }
}

async fn list(mut call: Call<'_>) -> Result<HostReply> {
    let Query { collection, query } = call.read()?;
    let query = ListQuery::from_body(query)?;
    let listed = call.host.documents.query(call.caller, &collection.parse()?, query).await?;
    let mut answer = Map::new();
    answer.insert("items".to_owned(), listed.items.into());
    answer.insert("nextCursor".to_owned(), listed.next_cursor.into());
    if let Some(total) = listed.total {
        answer.insert("total".to_owned(), total.into());
    }
    reply(answer)
}

async fn create(mut call: Call<'_>) -> Result<HostReply> {
    let Create { collection, id, mut data } = call.read()?;
    if let Some(id) = id {
        data.insert(ID.to_owned(), id.into_text().into());
    }
    let options = WriteOptions::default();
    written(call.host.documents.create(call.caller, &collection.parse()?, data, options).await?)
}

async fn put(mut call: Call<'_>) -> Result<HostReply> {
    let Put { collection, id, data, if_match, r#where, vars } = call.read()?;
    let options =
        WriteOptions { if_match: tags(if_match), condition: condition(r#where, vars)?, ..WriteOptions::default() };
    written(call.host.documents.put(call.caller, &collection.parse()?, &id.parse()?, data, options).await?)
}

async fn patch(mut call: Call<'_>) -> Result<HostReply> {
    let Change { collection, id, patch, upsert, if_match, r#where, vars } = call.read()?;
    let condition = condition(r#where, vars)?;
    let options = WriteOptions { if_match: tags(if_match), condition, upsert, ..WriteOptions::default() };
    let patch = match patch {
        Value::Object(map) => PatchBody::Merge(map),
        list @ Value::Array(_) => PatchBody::Json(list),
        _ => return Err(Error::new(Code::BadPatch, "A patch is an object, or a list as a JSON Patch is.")),
    };
    written(call.host.documents.patch(call.caller, &collection.parse()?, &id.parse()?, patch, options).await?)
}

async fn delete(mut call: Call<'_>) -> Result<HostReply> {
    let Delete { collection, id, if_match, r#where, vars } = call.read()?;
    let options =
        WriteOptions { if_match: tags(if_match), condition: condition(r#where, vars)?, ..WriteOptions::default() };
    written(call.host.documents.delete(call.caller, &collection.parse()?, &id.parse()?, options).await?)
}

async fn aggregate(mut call: Call<'_>) -> Result<HostReply> {
    let Query { collection, query } = call.read()?;
    let query = AggregateQuery::from_body(query)?;
    let aggregated = call.host.documents.aggregate(call.caller, &collection.parse()?, query).await?;
    reply(json!({"items": aggregated.items, "nextCursor": aggregated.next_cursor}))
}

async fn transaction(call: Call<'_>) -> Result<HostReply> {
    let Value::Object(body) = call.arguments else {
        return Err(Error::new(Code::BadParameter, "db.transaction: operations are missing."));
    };
    let done = call.host.documents.transaction(call.caller, body, None).await?;
    reply(json!({"results": done.results, "seq": done.seq.map(seq_to_text)}))
}

/// As the caller may read it; null after a delete.
fn written(written: Written) -> Result<HostReply> {
    reply(written.body)
}
