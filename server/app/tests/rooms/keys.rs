use std::time::Duration;

use basalt_app::Secret;
use basalt_app::keys::NewKey;
use basalt_core::principal::{OperatorRole, Scope};
use basalt_core::{Caller, Clock, Principal};

use crate::world::{World, both, code};

fn key(scopes: &[&str]) -> NewKey {
    let scopes = scopes.iter().map(|scope| Scope::parse(scope).unwrap()).collect();
    NewKey { name: "importer".into(), scopes, expires_at: None }
}

fn owner(world: &World) -> Caller {
    world.operator(OperatorRole::Owner)
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_until_it_is_deleted() {
    both(|world| async move {
        let (info, secret) = world.node.keys.create(&owner(&world), key(&["documents:read"])).await.unwrap();
        assert!(secret.expose().starts_with("bst_sk_") && secret.expose().len() >= 58, "32 bytes of randomness");
        let Principal::Service(service) = world.node.principals.bearer(&secret).await.unwrap() else {
            panic!("a service")
        };
        assert_eq!((&service.id, &service.scopes), (&info.id, &info.scopes));
        assert_eq!(world.node.keys.list(&owner(&world)).await.unwrap().len(), 1);
        world.node.keys.delete(&owner(&world), &info.id).await.unwrap();
        assert_eq!(code(world.node.principals.bearer(&secret).await), "invalid_token", "on the very next request");
        assert_eq!(code(world.node.keys.delete(&owner(&world), &info.id).await), "key_not_found");
        assert!(world.db.select("SELECT space FROM cells WHERE CAST(value AS TEXT) <> 'null' AND space IN ('_key_fingerprints', '_key_uses')").await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_key_has_its_end() {
    both(|world| async move {
        let end = world.db.clock.now().plus(Duration::from_hours(24));
        let (_, secret) =
            world.node.keys.create(&owner(&world), NewKey { expires_at: Some(end), ..key(&["*"]) }).await.unwrap();
        assert_eq!(code(world.node.principals.bearer(&secret).await), "ok");
        world.db.clock.set(end);
        assert_eq!(code(world.node.principals.bearer(&secret).await), "token_expired");
    })
    .await;
}

#[tokio::test]
async fn its_last_use_is_noted_now_and_then() {
    both(|world| async move {
        let (info, secret) = world.node.keys.create(&owner(&world), key(&["*"])).await.unwrap();
        assert_eq!(world.node.keys.list(&owner(&world)).await.unwrap()[0].last_used_at, None);
        let used = world.db.clock.now();
        for _ in 0..3 {
            world.node.principals.bearer(&secret).await.unwrap();
        }
        world.node.keys.note_uses().await.unwrap();
        assert_eq!(world.node.keys.list(&owner(&world)).await.unwrap()[0].last_used_at, Some(used));
        let before = world.node.store.changes(0, 1_000).await.unwrap().len();
        world.node.principals.bearer(&secret).await.unwrap();
        world.node.keys.note_uses().await.unwrap();
        let after = world.node.store.changes(0, 1_000).await.unwrap().len();
        assert_eq!(before, after, "{} was used, which is no change of it", info.id);
    })
    .await;
}

#[tokio::test]
async fn nobody_gives_what_he_lacks() {
    both(|world| async move {
        let admin = world.service(&["admin", "documents:read"]);
        assert_eq!(code(world.node.keys.create(&admin, key(&["documents:read:orders"])).await), "ok");
        for beyond in ["*", "documents:write", "users:read"] {
            assert_eq!(code(world.node.keys.create(&admin, key(&[beyond])).await), "scope_missing", "{beyond}");
        }
        for (caller, expected) in [
            (world.visitor(), "unauthenticated"),
            (world.operator(OperatorRole::Editor), "operator_role_missing"),
            (world.service(&["documents:write"]), "scope_missing"),
        ] {
            assert_eq!(code(world.node.keys.create(&caller, key(&["documents:read"])).await), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn odd_keys_are_refused() {
    both(|world| async move {
        let past = Some(world.db.clock.now());
        for bad in [
            NewKey { name: " ".into(), ..key(&["*"]) },
            NewKey { name: "x".repeat(129), ..key(&["*"]) },
            key(&[]),
            NewKey { expires_at: past, ..key(&["*"]) },
        ] {
            assert_eq!(code(world.node.keys.create(&owner(&world), bad.clone()).await), "bad_request", "{bad:?}");
        }
        assert_eq!(code(world.node.keys.authenticate(&Secret::new("bst_sk_guess")).await), "invalid_token");
    })
    .await;
}
