//! The cases of one file, done in order on one server.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use basalt_core::{Code, Error, Result};
use serde_json::{Map, Value, json};

use super::Tried;
use super::cases::{Case, Cases, Documents, filled, same};
use crate::cli::local::Local;
use crate::cli::server::{Server, query};
use crate::configuration::human_duration;

/// How often documents that have to come are looked for.
const EVERY: Duration = Duration::from_millis(20);

/// Who acts in the cases.
struct Cast {
    servers: BTreeMap<String, Server>,
    ids: BTreeMap<String, String>,
}

pub(super) async fn run(
    file: &str,
    cases: &Cases,
    local: &Local,
    wanted: &impl Fn(&str) -> bool,
) -> Result<Vec<Tried>> {
    let cast = Cast::make(cases, local).await?;
    for given in &cases.given {
        let path = format!("/v1/collections/{}/documents", given.collection);
        let document = filled(&Value::Object(given.document.clone()), &cast.ids);
        local.server.post(&path, &document).await.map_err(|error| in_file(file, &error))?;
    }
    let mut tried = Vec::new();
    for case in cases.case.iter().filter(|case| wanted(&case.name)) {
        let fault = cast.fault_of(case, local).await;
        tried.push(Tried { file: file.to_owned(), name: case.name.clone(), fault });
    }
    Ok(tried)
}

impl Cast {
    async fn make(cases: &Cases, local: &Local) -> Result<Self> {
        let mut cast = Self { servers: BTreeMap::new(), ids: BTreeMap::new() };
        for (name, person) in &cases.users {
            let (email, password) = (format!("{name}@example.com"), "a password of the tests");
            let new = json!({ "email": email, "password": password, "roles": person.roles, "data": person.data });
            let user = local.server.post("/v1/admin/users", &new).await?;
            let login = json!({ "email": email, "password": password });
            let signed = local.server.post("/v1/auth/login", &login).await?;
            let token = signed["session"]["accessToken"].as_str().unwrap_or_default();
            cast.servers.insert(name.clone(), local.as_user(token)?);
            cast.ids.insert(name.clone(), user["id"].as_str().unwrap_or_default().to_owned());
        }
        cast.servers.insert("visitor".to_owned(), local.as_visitor()?);
        Ok(cast)
    }

    async fn fault_of(&self, case: &Case, local: &Local) -> Option<String> {
        if let Some(function) = &case.call {
            let server = self.servers.get(&case.caller).unwrap_or(&local.server);
            let input = filled(&case.input, &self.ids);
            let answer = server.post(&format!("/v1/functions/{function}"), &input).await;
            let fault = fault_of_answer(case, &answer, &self.ids);
            if fault.is_some() {
                return fault;
            }
        }
        for documents in &case.documents {
            let fault = self.fault_of_documents(documents, local).await;
            if fault.is_some() {
                return fault;
            }
        }
        None
    }

    /// What triggers do comes a little later: it is waited for.
    async fn fault_of_documents(&self, wanted: &Documents, local: &Local) -> Option<String> {
        let Some(within) = human_duration(&wanted.within) else {
            return Some(format!("{:?} is no time such as 5s", wanted.within));
        };
        let filter = wanted.filter.as_ref().map(|filter| filled(&filter.as_str().into(), &self.ids));
        let filter = filter.and_then(|filter| filter.as_str().map(str::to_owned));
        let parameters = query(&[("filter", filter), ("limit", Some("500".to_owned()))]);
        let path = format!("/v1/collections/{}/documents{parameters}", wanted.collection);
        let began = Instant::now();
        loop {
            let listed = match local.server.get(&path).await {
                Ok(listed) => listed,
                Err(error) => return Some(crate::wire::told(&error)),
            };
            let fault = self.fault_of_list(wanted, listed["items"].as_array().map_or(&[], Vec::as_slice));
            if fault.is_none() || began.elapsed() > within {
                return fault;
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn fault_of_list(&self, wanted: &Documents, found: &[Value]) -> Option<String> {
        let what = format!("{} of {}", wanted.filter.as_deref().unwrap_or("documents"), wanted.collection);
        match wanted.count {
            Some(count) if count != found.len() => return Some(format!("{what}: {} instead of {count}", found.len())),
            None if found.is_empty() => return Some(format!("{what}: none")),
            _ => {}
        }
        let has = filled(&Value::Object(wanted.has.clone()), &self.ids);
        let has = has.as_object().cloned().unwrap_or_else(Map::new);
        let lacks = |document: &&Value| !has.iter().all(|(name, value)| same(&document[name], value));
        let other = found.iter().find(lacks)?;
        Some(format!("{what}: {other} has not {}", Value::Object(has.clone())))
    }
}

fn fault_of_answer(case: &Case, answer: &Result<Value>, ids: &BTreeMap<String, String>) -> Option<String> {
    match (answer, &case.error) {
        (Err(error), Some(code)) if error.code_text() == code => None,
        (Err(error), Some(code)) => Some(format!("refused with {}, not {code}: {}", error.code_text(), error.detail())),
        (Err(error), None) => Some(format!("{}: {}", error.code_text(), crate::wire::told(error))),
        (Ok(result), Some(code)) => Some(format!("not refused with {code}, but answered {result}")),
        (Ok(result), None) => {
            let expected = case.expect.as_ref().map(|expected| filled(expected, ids))?;
            (!same(result, &expected)).then(|| format!("answered {result}, not {expected}"))
        }
    }
}

fn in_file(file: &str, error: &Error) -> Error {
    Error::new(Code::BadRequest, format!("{file}: {}", crate::wire::told(error)))
}
