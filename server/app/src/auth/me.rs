use std::sync::Arc;

use basalt_core::{Caller, Document, Result, Seq};
use basalt_data::collections::Compiled;
use basalt_data::rules::{Binding, Operation};
use basalt_expr::Flat;
use serde_json::{Map, Value};

use super::principal::session_ended;
use super::profile::{patched, with};
use super::signing_in::own_profile;
use super::{Auth, account, own, session};
use crate::common::names::USERS;
use crate::common::{Flow, Tx};

impl Auth {
    /// The caller's own user, as he may read it. Needs no rule.
    pub async fn me(&self, caller: &Caller) -> Result<Document> {
        let (id, _) = own(caller)?;
        let user = self.parts.db.store().document(&USERS, &id).await?.ok_or_else(session_ended)?;
        self.shown(caller.clone(), user).await
    }

    /// Changes the caller's own fields by a merge patch whose values may be operators. Needs no rule; an update rule
    /// and field rules that there are hold here too.
    pub async fn update_me(&self, caller: &Caller, patch: Map<String, Value>) -> Result<(Document, Option<Seq>)> {
        let (id, _) = own(caller)?;
        let binding = Binding::new(caller.clone());
        let decide = move |tx: &mut Tx<'_>, users: &Compiled| {
            let Some(user) = tx.document(&USERS, &id)? else { return Err(session_ended().into()) };
            let rules = own_profile(&users.rules);
            let readable = tx.readable(&rules, &binding, (*user).clone())?;
            let data = patched(users, (&user, &readable), &patch, tx.now())?;
            let next = with(&user, &data);
            let (before, after) = (Flat::default(), Flat::default());
            let (doc, next) = (before.of(&user), after.of(&next));
            tx.authorize(&rules, &binding, Operation::Update { doc, next })?;
            account::put(tx, users, &id, Some(&user), data)
        };
        let outcome = self.parts.commit_users(caller, decide).await?;
        let shown = self.shown(caller.clone(), Arc::unwrap_or_clone(outcome.value)).await?;
        Ok((shown, outcome.seq))
    }

    /// Deletes the caller with all that belongs to his account.
    pub async fn delete_me(&self, caller: &Caller) -> Result<Option<Seq>> {
        let (id, _) = own(caller)?;
        let decide = move |tx: &mut Tx<'_>, users: &Compiled| -> Flow<()> {
            tx.need([account::document_read(&id), session::list_read(&id)])?;
            match tx.document(&USERS, &id)? {
                Some(user) => account::delete(tx, users, &user),
                None => Err(session_ended().into()),
            }
        };
        Ok(self.parts.commit_users(caller, decide).await?.seq)
    }
}
