//! Users as operators and services manage them, and the trail that this leaves.

use std::time::Duration;

use basalt_app::audit::Audit;
use basalt_app::auth::{Identifier, NewUser, UserChange};
use basalt_app::{Db, Secret};
use basalt_core::principal::OperatorRole;
use basalt_data::changes::Changes;
use serde_json::json;

use crate::world::{PASSWORD, both, code, email, id, object};

#[tokio::test]
async fn an_operator_makes_changes_and_deletes_users() {
    both(|world| async move {
        world.declare(&["editor"]).await;
        let operator = world.operator(OperatorRole::Editor);
        let new = NewUser {
            id: Some(id("ann")),
            identifiers: vec![email("ann@example.com")],
            password: Some(Secret::new(PASSWORD)),
            email_verified: true,
            roles: vec!["editor".into()],
            claims: object(json!({"org": 7})),
            data: object(json!({"name": "Ann"})),
            ..NewUser::default()
        };
        let (ann, _) = world.node.users.create(&operator, new.clone()).await.unwrap();
        assert_eq!(
            (&ann.data["emailVerified"], &ann.data["roles"], &ann.data["name"]),
            (&json!(true), &json!(["editor"]), &json!("Ann"))
        );
        assert_eq!(code(world.node.users.create(&operator, new).await), "document_exists");
        let signed_in = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        world.as_user(&signed_in).await;
        let change = UserChange {
            email: Some(Some(email("anna@example.com"))),
            password: Some(Secret::new("another fine horse")),
            claims: Some(object(json!({"org": 8}))),
            data: object(json!({"name": null, "visits": {"$increment": 1}})),
            ..UserChange::default()
        };
        let (anna, _) = world.node.users.update(&operator, &ann.id, change).await.unwrap();
        assert_eq!(anna.data["emailVerified"], false, "a new address is unproven");
        assert_eq!((anna.data.get("name"), &anna.data["visits"]), (None, &json!(1)));
        assert_eq!(code(world.try_user(&signed_in).await), "session_ended", "a new password ends sessions");
        assert_eq!(code(world.log_in("ann@example.com", "another fine horse").await), "invalid_credentials");
        let again = world.log_in("anna@example.com", "another fine horse").await.unwrap();
        assert_eq!(world.node.users.sessions(&operator, &ann.id).await.unwrap().len(), 1);
        world.node.users.end_sessions(&operator, &ann.id).await.unwrap();
        assert_eq!(code(world.try_user(&again).await), "session_ended");
        world.node.users.delete(&operator, &ann.id).await.unwrap();
        for outcome in [
            world.node.users.get(&operator, &ann.id).await.map(drop),
            world.node.users.delete(&operator, &ann.id).await.map(drop),
        ] {
            assert_eq!(code(outcome), "user_not_found");
        }
        world.sign_up("anna@example.com").await;
    })
    .await;
}

#[tokio::test]
async fn everything_of_a_user_changes_in_one_call() {
    both(|world| async move {
        world.declare(&["editor"]).await;
        world.define_users(json!({}), &["nick", "badge"]).await;
        let operator = world.operator(OperatorRole::Editor);
        let ann = world.sign_up("ann@example.com").await;
        for _ in 0..5 {
            world.log_in("ann@example.com", PASSWORD).await.unwrap();
        }
        let change = UserChange {
            email: Some(Some(email("anna@example.com"))),
            username: Some(Some(Identifier::username("anna").unwrap())),
            email_verified: Some(true),
            roles: Some(vec!["editor".into()]),
            disabled: Some(false),
            password: Some(Secret::new("another fine horse")),
            data: object(json!({"nick": "a", "badge": 7})),
            ..UserChange::default()
        };
        let (anna, _) = world.node.users.update(&operator, &ann.user.id, change).await.unwrap();
        assert_eq!((&anna.data["emailVerified"], &anna.data["nick"]), (&json!(true), &json!("a")));
        assert!(world.node.users.sessions(&operator, &ann.user.id).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn roles_and_claims_are_small() {
    both(|world| async move {
        let operator = world.operator(OperatorRole::Editor);
        let ann = world.sign_up("ann@example.com").await;
        for change in [
            UserChange { roles: Some(vec![String::new()]), ..UserChange::default() },
            UserChange { roles: Some(vec!["r".into(); 65]), ..UserChange::default() },
            UserChange { claims: Some(object(json!({"x": "y".repeat(5_000)}))), ..UserChange::default() },
        ] {
            let outcome = world.node.users.update(&operator, &ann.user.id, change).await;
            assert_eq!(code(outcome), "schema_violation");
        }
    })
    .await;
}

#[tokio::test]
async fn what_operators_do_to_documents_is_read_from_the_log_once() {
    both(|world| async move {
        let audit = Audit::new(Db::new(world.node.store.clone(), world.db.clock.clone(), world.db.random.clone()));
        let changes = Changes::new(world.node.store.clone());
        assert_eq!(audit.follow(&changes).await.unwrap(), 0, "begins at the end of the log");
        let (operator, owner) = (world.operator(OperatorRole::Editor), world.operator(OperatorRole::Owner));
        let ann = world.sign_up("ann@example.com").await;
        world.declare(&["editor"]).await;
        let roles = UserChange { roles: Some(vec!["editor".into()]), ..UserChange::default() };
        world.node.users.update(&operator, &ann.user.id, roles).await.unwrap();
        let own = UserChange { data: object(json!({"name": "Ann"})), ..UserChange::default() };
        world.node.users.update(&owner, &ann.user.id, own).await.unwrap();
        // Another node.
        let other = Audit::new(Db::new(world.node.store.clone(), world.db.clock.clone(), world.db.random.clone()));
        let (first, second) = tokio::join!(audit.follow(&changes), other.follow(&changes));
        assert!(first.unwrap() + second.unwrap() >= 1);
        assert_eq!(audit.follow(&changes).await.unwrap(), 0);
        let entries = audit.list(&operator, None, 10).await.unwrap().entries;
        let from_log: Vec<_> = entries.iter().filter(|entry| entry.data["action"] == "documents.update").collect();
        assert_eq!(from_log.len(), 1, "by two readers at once, and not what has an entry of its own");
        assert_eq!(from_log[0].data["after"]["name"], "Ann");
        assert_eq!(from_log[0].data["actor"]["type"], "operator");
    })
    .await;
}

#[tokio::test]
async fn what_others_do_costs_the_audit_nothing() {
    both(|world| async move {
        let audit = Audit::new(Db::new(world.node.store.clone(), world.db.clock.clone(), world.db.random.clone()));
        let changes = Changes::new(world.node.store.clone());
        let place = || async { changes.cursor("audit").await.unwrap() };
        world.sign_up("ann@example.com").await;
        audit.follow(&changes).await.unwrap();
        assert_eq!(place().await, Some(changes.end()), "begins at the end of the log");
        world.sign_up("ben@example.com").await;
        audit.follow(&changes).await.unwrap();
        let kept = place().await;
        world.sign_up("cid@example.com").await;
        audit.follow(&changes).await.unwrap();
        assert_eq!(place().await, kept, "the place is not written down for what is none of its business");
        assert!(kept < Some(changes.end()));
        world.db.clock.advance(Duration::from_hours(1));
        world.sign_up("dan@example.com").await;
        audit.follow(&changes).await.unwrap();
        assert_eq!(place().await, Some(changes.end()), "but now and then, so that it stays within the log");
    })
    .await;
}

#[tokio::test]
async fn an_address_is_one_accounts_also_here() {
    both(|world| async move {
        let operator = world.operator(OperatorRole::Editor);
        let ann = world.sign_up("ann@example.com").await;
        let ben = world.sign_up("ben@example.com").await;
        let take = || UserChange { email: Some(Some(email("ann@example.com"))), ..UserChange::default() };
        assert_eq!(code(world.node.users.update(&operator, &ben.user.id, take()).await), "unique_conflict");
        assert_eq!(code(world.node.users.update(&operator, &ann.user.id, take()).await), "ok", "it is hers");
        let leave = UserChange { email: Some(None), ..UserChange::default() };
        world.node.users.update(&operator, &ann.user.id, leave).await.unwrap();
        assert_eq!(code(world.node.users.update(&operator, &ben.user.id, take()).await), "ok");
        assert_eq!(world.log_in("ann@example.com", PASSWORD).await.unwrap().user.id, ben.user.id);
    })
    .await;
}

#[tokio::test]
async fn who_may_not_may_not() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let refused = [
            (world.visitor(), "unauthenticated"),
            (world.as_user(&ann).await, "forbidden"),
            (world.operator(OperatorRole::Viewer), "operator_role_missing"),
            (world.service(&["users:read", "documents:write"]), "scope_missing"),
        ];
        for (caller, expected) in refused {
            assert_eq!(code(world.node.users.delete(&caller, &ann.user.id).await), expected);
            assert_eq!(code(world.node.users.create(&caller, NewUser::default()).await), expected);
        }
        assert_eq!(code(world.node.users.get(&world.service(&["users:read"]), &ann.user.id).await), "ok");
        assert_eq!(code(world.node.users.delete(&world.service(&["users:write"]), &ann.user.id).await), "ok");
    })
    .await;
}

#[tokio::test]
async fn changes_leave_a_trail_without_secrets() {
    both(|world| async move {
        world.declare(&["editor"]).await;
        let operator = world.operator(OperatorRole::Editor);
        let ann = world.sign_up("ann@example.com").await;
        world.db.clock.advance(Duration::from_secs(1));
        world.db.clock.advance(Duration::from_secs(1));
        let change = UserChange {
            roles: Some(vec!["editor".into()]),
            password: Some(Secret::new("another fine horse")),
            ..UserChange::default()
        };
        world.node.users.update(&operator, &ann.user.id, change).await.unwrap();
        world.db.clock.advance(Duration::from_secs(1));
        world.node.users.delete(&operator, &ann.user.id).await.unwrap();
        let audit = Audit::new(Db::new(world.node.store.clone(), world.db.clock.clone(), world.db.random.clone()));
        let page = audit.list(&operator, None, 10).await.unwrap();
        let actions: Vec<_> = page.entries.iter().map(|entry| entry.data["action"].clone()).collect();
        let newest_first = ["users.delete", "users.update", "roles.put"];
        assert_eq!(actions, newest_first, "what users do themselves is no part");
        let update = &page.entries[1].data;
        assert_eq!(update["before"], json!({"roles": []}));
        assert_eq!(update["after"], json!({"roles": ["editor"], "password": "changed"}));
        assert_eq!(update["actor"], json!({"type": "operator", "id": "operator"}));
        assert_eq!(update["target"], json!({"type": "user", "id": ann.user.id}));
        assert_eq!(update["ip"], "203.0.113.7");
        assert_eq!(code(audit.list(&world.visitor(), None, 10).await), "unauthenticated");
    })
    .await;
}
