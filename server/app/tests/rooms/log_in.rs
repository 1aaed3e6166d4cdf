use basalt_app::PasswordCost;
use basalt_app::auth::UserChange;
use basalt_core::principal::OperatorRole;

use crate::world::{CHEAP, Node, PASSWORD, both, code, log_in};

#[tokio::test]
async fn an_unknown_account_and_a_wrong_password_are_answered_alike_after_the_same_work() {
    both(|world| async move {
        world.sign_up("ann@example.com").await;
        let before = world.node.passwords.computed();
        let wrong = world.log_in("ann@example.com", "not the password").await.unwrap_err();
        let between = world.node.passwords.computed();
        let unknown = world.log_in("nobody@example.com", "not the password").await.unwrap_err();
        let after = world.node.passwords.computed();
        assert_eq!((between - before, after - between), (1, 1), "one hash each");
        assert_eq!((wrong.code(), wrong.detail()), (unknown.code(), unknown.detail()));
        assert_eq!(wrong.code().as_str(), "invalid_credentials");
    })
    .await;
}

#[tokio::test]
async fn a_banned_account_says_so_to_its_password_alone() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let ban = UserChange { disabled: Some(true), ..UserChange::default() };
        world.node.users.update(&world.operator(OperatorRole::Editor), &ann.user.id, ban).await.unwrap();
        assert_eq!(code(world.log_in("ann@example.com", PASSWORD).await), "account_disabled");
        assert_eq!(code(world.log_in("ann@example.com", "not the password").await), "invalid_credentials");
    })
    .await;
}

#[tokio::test]
async fn a_hash_of_yesterdays_cost_is_renewed() {
    both(|world| async move {
        world.sign_up("ann@example.com").await;
        let dearer = PasswordCost { memory_kib: 128, ..CHEAP };
        let tomorrow = Node::new(&world.db, world.node.store.clone(), dearer).await;
        for expected in [2, 1] {
            let before = tomorrow.passwords.computed();
            let input = log_in("ann@example.com", PASSWORD);
            tomorrow.auth.log_in(&world.visitor(), &basalt_app::Device::default(), input).await.unwrap();
            assert_eq!(tomorrow.passwords.computed() - before, expected, "renewed once");
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_in_is_noted_and_survives_a_stricter_schema() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let schema = serde_json::json!({"schema": {"type": "object", "required": ["displayName"]}});
        world.define_users(schema, &[]).await;
        world.db.clock.advance(std::time::Duration::from_secs(90));
        let again = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        assert_ne!(again.user.data["lastLoginAt"], ann.user.data["lastLoginAt"]);
    })
    .await;
}
