use std::sync::Arc;

use basalt_core::filter::Filter;
use basalt_core::principal::OperatorRole;
use basalt_core::{Caller, Code, Document, DocumentId, Error, FieldPath, Result};
use basalt_store::{List, SortField};

use super::{OperatorInfo, Operators, account, session};
use crate::common::names::OPERATORS;
use crate::common::{Entry, Flow, Secret, Trail, Tx, rights};

/// Operators that a list shows at most.
const MOST: u32 = 500;

/// What to change; `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct OperatorChange {
    pub role: Option<OperatorRole>,
    /// Ends the operator's sessions.
    pub password: Option<Secret>,
}

impl Operators {
    /// All operators, oldest first.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<OperatorInfo>> {
        rights::admin_read(caller)?;
        let oldest_first = SortField { path: FieldPath::parse("createdAt")?, descending: false };
        let list = List {
            collection: OPERATORS.clone(),
            filter: Filter::True,
            search: None,
            sort: vec![oldest_first],
            limit: MOST,
            after: None,
            count: false,
        };
        let page = self.inner.db.store().list(list).await?;
        page.documents.iter().map(account::read).collect()
    }

    pub async fn get(&self, caller: &Caller, id: &DocumentId) -> Result<OperatorInfo> {
        rights::admin_read(caller)?;
        let document = self.inner.db.store().document(&OPERATORS, id).await?;
        account::read(&document.ok_or_else(not_found)?)
    }

    /// The last owner stays one: 409 `condition_failed`.
    pub async fn update(&self, caller: &Caller, id: &DocumentId, change: OperatorChange) -> Result<OperatorInfo> {
        rights::everything(caller)?;
        let phc = match &change.password {
            Some(password) => Some(self.hash(password, &self.get(caller, id).await?.email).await?),
            None => None,
        };
        let (id, trail) = (id.clone(), Trail::new(&self.inner.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([account::document_read(&id), account::owners_read(), session::list_read(&id), trail.read()])?;
            let before = existing(tx, &id)?;
            let mut data = before.data.clone();
            if let Some(role) = change.role {
                account::set_owner(tx, &id, role == OperatorRole::Owner)?;
                data.insert("role".into(), account::role_name(role).into());
            }
            if let Some(phc) = &phc {
                account::set_password(tx, &id, phc);
                session::end_where(tx, &id, |_| true)?;
            }
            let document = tx.update(&OPERATORS, &before, data);
            let mut after = account::told(&document);
            if phc.is_some() {
                after.insert("password".into(), "changed".into());
            }
            let (target, before) = (("operator", id.to_string()), account::told(&before));
            trail.note(tx, Entry { action: "operators.update", target, before: Some(before), after: Some(after) })?;
            Ok(document)
        };
        account::read(&self.commit(caller, decide).await?.value)
    }

    /// The last owner stays: 409 `condition_failed`.
    pub async fn delete(&self, caller: &Caller, id: &DocumentId) -> Result<()> {
        rights::everything(caller)?;
        let (id, trail) = (id.clone(), Trail::new(&self.inner.db, caller));
        let decide = move |tx: &mut Tx<'_>| {
            tx.need([account::document_read(&id), account::owners_read(), session::list_read(&id), trail.read()])?;
            let operator = existing(tx, &id)?;
            session::end_where(tx, &id, |_| true)?;
            account::delete(tx, &operator)?;
            let (target, before) = (("operator", id.to_string()), account::told(&operator));
            trail.note(tx, Entry { action: "operators.delete", target, before: Some(before), after: None })
        };
        self.commit(caller, decide).await?;
        Ok(())
    }
}

fn existing(tx: &mut Tx<'_>, id: &DocumentId) -> Flow<Arc<Document>> {
    Ok(tx.document(&OPERATORS, id)?.ok_or_else(not_found)?)
}

fn not_found() -> Error {
    Error::new(Code::OperatorNotFound, "There is no such operator.")
}
