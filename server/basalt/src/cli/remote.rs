//! Commands that need the database: by the socket of a server that runs on the data folder, else on the database
//! itself.

use std::io::Read as _;

use basalt_core::random::{self, Random};
use basalt_core::{Code, Error, Result};
use serde_json::{Map, Value};

use super::arguments::{Keys, Operator, Users};
use super::output::{Output, table};
use crate::admin::{self, AdminCommand};
use crate::configuration::Configuration;
use crate::outside::Outside;
use crate::wire;

/// Longest password that is read.
const MOST_BYTES: u64 = 4096;

pub(super) async fn perform(command: AdminCommand, configuration: &Configuration, outside: &Outside) -> Result<Value> {
    if configuration.database_url.is_none()
        && let Some(answer) = admin::send(&configuration.data, &command).await?
    {
        return Ok(answer);
    }
    // The app's folder is of no concern here: nothing of it is applied by a command.
    // Nor does it matter which nodes there are.
    let configuration = Configuration { app: None, single_node: true, ..configuration.clone() };
    let issuer = configuration.base_url(configuration.listen);
    let rooms = wire::rooms(&configuration, outside, issuer).await?.rooms;
    let answer = admin::execute(&rooms, command).await;
    rooms.store.close().await;
    answer
}

pub(super) async fn operator(
    command: Operator,
    configuration: &Configuration,
    outside: Outside,
    output: &Output,
) -> Result<()> {
    match command {
        Operator::Create { email, role, password_stdin } => {
            let chosen = password(password_stdin, &*outside.random)?;
            let command = AdminCommand::OperatorCreate { email, role, password: chosen.password.clone() };
            let answer = chosen.shown_in(perform(command, configuration, &outside).await?);
            output.result(&answer, || created("operator", &answer));
        }
        Operator::List => {
            let answer = perform(AdminCommand::OperatorList, configuration, &outside).await?;
            output.result(&answer, || table(&answer["items"], &["id", "email", "role", "lastLoginAt"]));
        }
    }
    Ok(())
}

pub(super) async fn keys(
    command: Keys,
    configuration: &Configuration,
    outside: Outside,
    output: &Output,
) -> Result<()> {
    match command {
        Keys::Create { scopes, name, expires } => {
            let command = AdminCommand::KeyCreate { name, scopes, expires_in: expires };
            let answer = perform(command, configuration, &outside).await?;
            output.result(&answer, || text(&answer["key"]).to_owned());
        }
        Keys::List => {
            let answer = perform(AdminCommand::KeyList, configuration, &outside).await?;
            output.result(&answer, || table(&answer["items"], &["id", "name", "scopes", "expiresAt", "lastUsedAt"]));
        }
        Keys::Revoke { id } => {
            let answer = perform(AdminCommand::KeyRevoke { id }, configuration, &outside).await?;
            output.result(&answer, || "Revoked.".to_owned());
        }
        Keys::Rotate { drop_former } => {
            let answer = perform(AdminCommand::KeyRotate { drop_former }, configuration, &outside).await?;
            output.result(&answer, || "Tokens are signed with a new key from now on.".to_owned());
        }
    }
    Ok(())
}

pub(super) async fn users(
    command: Users,
    configuration: &Configuration,
    outside: Outside,
    output: &Output,
) -> Result<()> {
    match command {
        Users::List { filter, limit, cursor } => {
            let command = AdminCommand::UserList { filter, limit, cursor };
            let answer = perform(command, configuration, &outside).await?;
            output.result(&answer, || table(&answer["items"], &["id", "email", "username", "roles", "disabled"]));
        }
        Users::Create { email, username, roles, password_stdin } => {
            let chosen = password(password_stdin, &*outside.random)?;
            let password = Some(chosen.password.clone());
            let command = AdminCommand::UserCreate { email, username, password, roles, data: Map::new() };
            let answer = chosen.shown_in(perform(command, configuration, &outside).await?);
            output.result(&answer, || created("user", &answer));
        }
        Users::Disable { user } => {
            let command = AdminCommand::UserDisable { user, disabled: true };
            let answer = perform(command, configuration, &outside).await?;
            output.result(&answer, || format!("Disabled {}.", text(&answer["id"])));
        }
        Users::Enable { user } => {
            let command = AdminCommand::UserDisable { user, disabled: false };
            let answer = perform(command, configuration, &outside).await?;
            output.result(&answer, || format!("Enabled {}.", text(&answer["id"])));
        }
    }
    Ok(())
}

/// A password from standard input, or one made here, which has to be shown then.
struct Chosen {
    password: String,
    made: bool,
}

fn password(stdin: bool, random: &dyn Random) -> Result<Chosen> {
    if !stdin {
        return Ok(Chosen { password: random::base32hex(&random::bytes::<15>(random)), made: true });
    }
    let mut text = String::new();
    std::io::stdin().take(MOST_BYTES).read_to_string(&mut text).map_err(Error::internal)?;
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        return Err(Error::new(Code::BadRequest, "There is no password on standard input."));
    }
    Ok(Chosen { password: password.to_owned(), made: false })
}

impl Chosen {
    fn shown_in(self, mut answer: Value) -> Value {
        if self.made {
            answer["password"] = self.password.into();
        }
        answer
    }
}

fn created(what: &str, answer: &Value) -> String {
    let made = format!("Made the {what} {} ({}).", text(&answer["id"]), text(&answer["email"]));
    match answer["password"].as_str() {
        Some(password) => format!("{made}\nThe password, shown this once: {password}"),
        None => made,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
