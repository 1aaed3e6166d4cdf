//! The built-in collections of these rooms.

use std::sync::LazyLock;

use basalt_core::CollectionName;

pub(crate) static USERS: LazyLock<CollectionName> = LazyLock::new(|| name("users"));
pub(crate) static FILES: LazyLock<CollectionName> = LazyLock::new(|| name(basalt_data::collections::FILES));
pub(crate) static SESSIONS: LazyLock<CollectionName> = LazyLock::new(|| name("_sessions"));
pub(crate) static KEYS: LazyLock<CollectionName> = LazyLock::new(|| name("_keys"));
pub(crate) static OPERATORS: LazyLock<CollectionName> = LazyLock::new(|| name("_operators"));
pub(crate) static OPERATOR_SESSIONS: LazyLock<CollectionName> = LazyLock::new(|| name("_operator_sessions"));
pub(crate) static ROLES: LazyLock<CollectionName> = LazyLock::new(|| name("_roles"));
pub(crate) static CHANNELS: LazyLock<CollectionName> = LazyLock::new(|| name("_channels"));
pub(crate) static FUNCTIONS: LazyLock<CollectionName> = LazyLock::new(|| name("_functions"));
pub(crate) static FUNCTION_VERSIONS: LazyLock<CollectionName> = LazyLock::new(|| name("_function_versions"));
pub(crate) static FUNCTION_CODE: LazyLock<CollectionName> = LazyLock::new(|| name("_function_code"));
pub(crate) static SCHEDULES: LazyLock<CollectionName> = LazyLock::new(|| name("_schedules"));
pub(crate) static WEBHOOKS: LazyLock<CollectionName> = LazyLock::new(|| name("_webhooks"));
pub(crate) static DEPLOYMENTS: LazyLock<CollectionName> = LazyLock::new(|| name("_deployments"));
pub(crate) static OUTBOX: LazyLock<CollectionName> = LazyLock::new(|| name("_outbox"));
pub(crate) static AUDIT: LazyLock<CollectionName> = LazyLock::new(|| name("_audit"));

/// The server's fields of `users`: no generic door changes them.
pub(crate) const OWNED: [&str; 10] = [
    "email",
    "emailVerified",
    "phone",
    "phoneVerified",
    "username",
    "anonymous",
    "roles",
    "claims",
    "disabled",
    "lastLoginAt",
];

#[expect(clippy::expect_used, reason = "constants, each used by a test")]
fn name(text: &str) -> CollectionName {
    CollectionName::parse(text).expect("a valid name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_all_but_users_and_files_are_the_systems() {
        assert!(!USERS.is_system() && !FILES.is_system());
        for name in [
            &SESSIONS,
            &KEYS,
            &OPERATORS,
            &OPERATOR_SESSIONS,
            &ROLES,
            &CHANNELS,
            &AUDIT,
            &FUNCTIONS,
            &FUNCTION_VERSIONS,
            &FUNCTION_CODE,
            &SCHEDULES,
            &WEBHOOKS,
            &DEPLOYMENTS,
            &OUTBOX,
        ] {
            assert!(name.is_system());
        }
    }
}
