//! Who may call what of the admin API.

use basalt_core::principal::{Access, OperatorRole, Scope, ScopeRoom};
use basalt_core::{Caller, Code, Error, Principal, Result};

/// An operator of at least `least`, or a service that holds `needed`.
fn require(caller: &Caller, least: OperatorRole, needed: &Scope) -> Result<()> {
    match &caller.principal {
        Principal::System => Ok(()),
        Principal::Operator(operator) if operator.role >= least => Ok(()),
        Principal::Operator(_) => Err(Error::operator_role(least)),
        Principal::Service(key) => key.require(needed),
        Principal::User(_) => Err(Error::new(Code::Forbidden, "This is for operators and services.")),
        Principal::Visitor => Err(Error::unauthenticated()),
    }
}

/// Reading what the admin API shows: any operator, or a service with the scope `admin`.
pub(crate) fn admin_read(caller: &Caller) -> Result<()> {
    require(caller, OperatorRole::Viewer, &Scope::Admin)
}

/// Changing what the admin API shows: editors, or a service with the scope `admin`.
pub(crate) fn admin_write(caller: &Caller) -> Result<()> {
    require(caller, OperatorRole::Editor, &Scope::Admin)
}

/// Keys: owners, or a service with the scope `admin`.
pub(crate) fn admin_own(caller: &Caller) -> Result<()> {
    require(caller, OperatorRole::Owner, &Scope::Admin)
}

/// Operators: owners, or a service that may do everything (an operator can).
pub(crate) fn everything(caller: &Caller) -> Result<()> {
    require(caller, OperatorRole::Owner, &Scope::All)
}

/// Users: viewers read, editors write; a service with the scope `admin` or the one of users.
pub(crate) fn users(caller: &Caller, access: Access) -> Result<()> {
    let least = if access == Access::Read { OperatorRole::Viewer } else { OperatorRole::Editor };
    let admin = require(caller, least, &Scope::Admin);
    if admin.is_err() && matches!(caller.principal, Principal::Service(_)) {
        return require(caller, least, &Scope::Room { room: ScopeRoom::Users, access, name: None });
    }
    admin
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use basalt_core::principal::{OperatorPrincipal, ServicePrincipal};
    use basalt_core::{DocumentId, Timestamp};

    use super::*;

    fn caller(principal: Principal) -> Caller {
        Caller { principal, ..Caller::system(Timestamp::from_millis(0)) }
    }

    fn service(scopes: &[&str]) -> Caller {
        let scopes = scopes.iter().map(|scope| Scope::parse(scope).unwrap()).collect();
        caller(Principal::Service(Arc::new(ServicePrincipal { id: DocumentId::parse("k").unwrap(), scopes })))
    }

    fn operator(role: OperatorRole) -> Caller {
        let id = DocumentId::parse("o").unwrap();
        caller(Principal::Operator(Arc::new(OperatorPrincipal { id, email: "o@example.com".into(), role })))
    }

    #[test]
    fn roles_and_scopes_open_what_they_should() {
        assert!(admin_read(&operator(OperatorRole::Viewer)).is_ok());
        assert!(admin_own(&operator(OperatorRole::Editor)).is_err());
        assert!(everything(&operator(OperatorRole::Owner)).is_ok());
        assert!(everything(&service(&["admin"])).is_err(), "admin would make itself an owner");
        assert!(users(&service(&["users:read"]), Access::Read).is_ok());
        assert!(users(&service(&["users:read"]), Access::Write).is_err());
        assert!(users(&service(&["admin"]), Access::Write).is_ok());
        assert_eq!(users(&caller(Principal::Visitor), Access::Read).unwrap_err().code(), Code::Unauthenticated);
    }
}
