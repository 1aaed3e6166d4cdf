use std::time::Instant;

use basalt_app::Secret;
use basalt_app::auth::{FormerKeys, Identifier, NewUser, UserChange};
use basalt_app::files::Checked;
use basalt_app::keys::{KeyInfo, NewKey};
use basalt_app::operators::{NewOperator, OperatorInfo};
use basalt_core::principal::{OperatorRole, Scope};
use basalt_core::{Caller, Code, CollectionName, DocumentId, Error, Result};
use basalt_data::documents::ListQuery;
use serde_json::{Map, Value, json};

use super::AdminCommand;
use crate::configuration::human_duration;
use crate::wire::Rooms;

/// Does it, as the server itself; the answer is what `--json` prints.
pub async fn execute(rooms: &Rooms, command: AdminCommand) -> Result<Value> {
    let caller = Caller::system(rooms.clock.now());
    match command {
        AdminCommand::OperatorCreate { email, role, password } => {
            let new = NewOperator { email, role: operator_role(&role)?, password: Secret::new(password) };
            Ok(operator(&rooms.operators.create(&caller, new).await?))
        }
        AdminCommand::OperatorList => Ok(items(rooms.operators.list(&caller).await?.iter().map(operator))),
        AdminCommand::KeyCreate { name, scopes, expires_in } => {
            key_create(rooms, &caller, name, &scopes, expires_in.as_deref()).await
        }
        AdminCommand::KeyList => Ok(items(rooms.keys.list(&caller).await?.iter().map(key))),
        AdminCommand::KeyRevoke { id } => {
            rooms.keys.delete(&caller, &DocumentId::parse(&id)?).await?;
            Ok(json!({ "revoked": id }))
        }
        AdminCommand::KeyRotate { drop_former } => {
            let former = if drop_former { FormerKeys::Drop } else { FormerKeys::Keep };
            rooms.keyring.rotate(&caller, former).await?;
            Ok(json!({ "rotated": true }))
        }
        AdminCommand::UserList { filter, limit, cursor } => {
            let query = ListQuery { filter, limit, cursor, ..ListQuery::default() };
            let listed = rooms.documents.query(&caller, &users()?, query).await?;
            Ok(json!({ "items": listed.items, "nextCursor": listed.next_cursor }))
        }
        AdminCommand::UserCreate { email, username, password, roles, data } => {
            let identifiers = [email.as_deref().map(Identifier::email), username.as_deref().map(Identifier::username)];
            let new = NewUser {
                identifiers: identifiers.into_iter().flatten().collect::<Result<_>>()?,
                password: password.map(Secret::new),
                roles,
                data,
                ..NewUser::default()
            };
            let (user, _) = rooms.auth.users().create(&caller, new).await?;
            Ok(Value::Object(user.into_flat()))
        }
        AdminCommand::UserDisable { user, disabled } => {
            let id = find_user(rooms, &caller, &user).await?;
            let change = UserChange { disabled: Some(disabled), ..UserChange::default() };
            let (user, _) = rooms.auth.users().update(&caller, &id, change).await?;
            Ok(Value::Object(user.into_flat()))
        }
        AdminCommand::Doctor => doctor(rooms).await,
        AdminCommand::Session => {
            Err(Error::new(Code::Unavailable, "No server runs on this data folder: there is none to talk to."))
        }
        AdminCommand::FilesVerify => {
            let Checked { files, bytes, lost, unknown } = rooms.files.verify().await?;
            Ok(json!({ "files": files, "bytes": bytes, "lost": lost, "unknown": unknown }))
        }
    }
}

/// Commands speak HTTP like everybody; this is what lets them in. The key is taken back when they are done.
pub(crate) async fn session(rooms: &Rooms, url: &str) -> Result<Value> {
    let caller = Caller::system(rooms.clock.now());
    let mut session = key_create(rooms, &caller, "command line".to_owned(), &["*".to_owned()], Some("1d")).await?;
    session["url"] = url.into();
    Ok(session)
}

async fn key_create(
    rooms: &Rooms,
    caller: &Caller,
    name: String,
    scopes: &[String],
    expires_in: Option<&str>,
) -> Result<Value> {
    let bad = |detail: String| Error::new(Code::BadRequest, detail);
    let scope = |text: &String| {
        let unknown = || bad(format!("{text:?} is not a scope, such as *, admin or documents:write:orders."));
        Scope::parse(text).ok_or_else(unknown)
    };
    let life = |text: &str| human_duration(text).ok_or_else(|| bad(format!("{text:?} is not a time such as 30d.")));
    let expires_at = expires_in.map(life).transpose()?.map(|life| rooms.clock.now().plus(life));
    let scopes = scopes.iter().map(scope).collect::<Result<_>>()?;
    let (info, secret) = rooms.keys.create(caller, NewKey { name, scopes, expires_at }).await?;
    let mut shown = key(&info);
    shown["key"] = secret.expose().into();
    Ok(shown)
}

async fn find_user(rooms: &Rooms, caller: &Caller, user: &str) -> Result<DocumentId> {
    if !user.contains('@') {
        return DocumentId::parse(user);
    }
    let email = Identifier::email(user)?;
    let vars = Map::from_iter([("email".to_owned(), email.shown().into())]);
    let query = ListQuery { filter: Some("email == vars.email".into()), vars, limit: Some(1), ..ListQuery::default() };
    let found = rooms.documents.query(caller, &users()?, query).await?;
    let id = found.items.first().and_then(|user| user.get("id")).and_then(Value::as_str);
    DocumentId::parse(id.ok_or_else(|| Error::new(Code::UserNotFound, format!("There is no user {user}.")))?)
}

async fn doctor(rooms: &Rooms) -> Result<Value> {
    let asked = Instant::now();
    rooms.store.ping().await?;
    let answered = asked.elapsed();
    let building: Vec<String> = rooms
        .store
        .catalog()
        .collections
        .values()
        .flat_map(|collection| collection.indexes.iter().map(move |index| (collection, index)))
        .filter(|(_, index)| index.state != basalt_store::IndexState::Ready)
        .map(|(collection, index)| format!("{}: {:?} {:?}", collection.name, index.spec.fields, index.state))
        .collect();
    Ok(json!({
        "databaseMicros": u64::try_from(answered.as_micros()).unwrap_or(u64::MAX),
        "time": rooms.clock.now(),
        "operators": rooms.operators.list(&Caller::system(rooms.clock.now())).await?.len(),
        "indexesNotReady": building,
    }))
}

fn users() -> Result<CollectionName> {
    CollectionName::parse("users")
}

fn operator_role(text: &str) -> Result<OperatorRole> {
    match text {
        "viewer" => Ok(OperatorRole::Viewer),
        "editor" => Ok(OperatorRole::Editor),
        "owner" => Ok(OperatorRole::Owner),
        _ => Err(Error::new(Code::BadRequest, "A role is viewer, editor or owner.")),
    }
}

fn items(items: impl Iterator<Item = Value>) -> Value {
    json!({ "items": items.collect::<Vec<_>>() })
}

fn operator(info: &OperatorInfo) -> Value {
    json!({
        "id": info.id, "email": info.email, "role": info.role, "createdAt": info.created_at,
        "lastLoginAt": info.last_login_at,
    })
}

fn key(info: &KeyInfo) -> Value {
    let scopes: Vec<String> = info.scopes.iter().map(ToString::to_string).collect();
    json!({
        "id": info.id, "name": info.name, "scopes": scopes, "createdAt": info.created_at,
        "expiresAt": info.expires_at, "lastUsedAt": info.last_used_at,
    })
}
