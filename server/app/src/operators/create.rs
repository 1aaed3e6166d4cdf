use basalt_core::principal::OperatorRole;
use basalt_core::{Caller, Result};

use super::account::{self, Account, parse_email};
use super::{OperatorInfo, Operators};
use crate::common::{Entry, Secret, Trail, Tx, rights};

#[derive(Clone, Debug)]
pub struct NewOperator {
    pub email: String,
    pub role: OperatorRole,
    pub password: Secret,
}

impl Operators {
    pub async fn create(&self, caller: &Caller, operator: NewOperator) -> Result<OperatorInfo> {
        rights::everything(caller)?;
        let email = parse_email(&operator.email)?;
        let phc = self.hash(&operator.password, &email).await?;
        let account = Account { id: self.inner.db.new_id(), email, role: operator.role, phc };
        let trail = Trail::new(&self.inner.db, caller);
        let decide = move |tx: &mut Tx<'_>| {
            let document = account::create(tx, &account)?;
            let (target, after) = (("operator", account.id.to_string()), account::told(&document));
            trail.note(tx, Entry { action: "operators.create", target, before: None, after: Some(after) })?;
            Ok(document)
        };
        account::read(&self.commit(caller, decide).await?.value)
    }
}
