use basalt_app::Device;
use basalt_app::auth::SignUp;
use serde_json::json;

use crate::world::{PASSWORD, both, code, object, refresh, sign_up};

#[tokio::test]
async fn a_user_changes_his_own_fields_without_any_rule() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let caller = world.as_user(&ann).await;
        let patch = json!({"visits": {"$increment": 2}, "name": "Ann"});
        let (changed, seq) = world.node.auth.update_me(&caller, object(patch)).await.unwrap();
        assert_eq!((&changed.data["visits"], &changed.data["name"]), (&json!(2), &json!("Ann")));
        assert!(seq.is_some());
        let me = world.node.auth.me(&caller).await.unwrap();
        assert_eq!(me, changed);
        assert_eq!(me.data["email"], "ann@example.com", "he reads the server's fields of his");
    })
    .await;
}

#[tokio::test]
async fn no_patch_changes_the_servers_fields() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let caller = world.as_user(&ann).await;
        for patch in [
            json!({"roles": ["admin"]}),
            json!({"roles": {"$append": ["admin"]}}),
            json!({"claims": {"admin": true}}),
            json!({"email": "eve@example.com"}),
            json!({"email": null}),
            json!({"emailVerified": true}),
            json!({"disabled": {"$unset": true}}),
            json!({"anonymous": true}),
            json!({"username": "root"}),
        ] {
            let outcome = world.node.auth.update_me(&caller, object(patch.clone())).await;
            assert_eq!(code(outcome), "field_protected", "{patch}");
        }
        let same = world.node.auth.update_me(&caller, object(json!({"email": "ann@example.com"}))).await;
        assert_eq!(code(same), "ok", "what doesn't change it is no change");
    })
    .await;
}

#[tokio::test]
async fn rules_and_hidden_fields_of_users_hold_here_too() {
    both(|world| async move {
        let definition = json!({
            "hidden": ["score"],
            "rules": {
                "update": "unchanged('team')",
                "fields": {"credit": {"write": "false"}, "note": {"read": "'staff' in auth.roles"}},
            },
        });
        world.define_users(definition, &[]).await;
        let data = json!({"score": 7, "team": "red", "credit": 1, "note": "watch her"});
        let input = SignUp { data: object(data), ..sign_up("ann@example.com") };
        let ann = world.node.auth.sign_up(&world.visitor(), &Device::default(), input).await.unwrap();
        let caller = world.as_user(&ann).await;
        for user in [ann.user.clone(), world.node.auth.me(&caller).await.unwrap()] {
            assert!(!user.data.contains_key("score") && !user.data.contains_key("note"), "{:?}", user.data);
            assert_eq!(user.data["team"], "red");
        }
        for patch in [json!({"team": "blue"}), json!({"credit": 99}), json!({"score": {"$increment": 1}})] {
            assert_eq!(code(world.node.auth.update_me(&caller, object(patch.clone())).await), "rule_denied", "{patch}");
        }
        let (changed, _) = world.node.auth.update_me(&caller, object(json!({"name": "Ann"}))).await.unwrap();
        assert!(!changed.data.contains_key("score"));
        let stored = world.user(&ann.user.id).await.unwrap();
        assert_eq!((&stored.data["score"], &stored.data["name"]), (&json!(7), &json!("Ann")), "kept");
    })
    .await;
}

#[tokio::test]
async fn deleting_takes_everything_of_the_account_and_frees_its_names() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let second = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        let caller = world.as_user(&ann).await;
        world.as_user(&second).await;
        assert!(world.node.auth.delete_me(&caller).await.unwrap().is_some());
        for one in [&ann, &second] {
            assert_eq!(code(world.try_user(one).await), "session_ended");
            assert_eq!(code(world.refresh(refresh(one)).await), "session_ended");
        }
        assert_eq!(code(world.node.auth.me(&caller).await), "session_ended");
        assert_eq!(code(world.log_in("ann@example.com", PASSWORD).await), "invalid_credentials");
        let left = world
            .db
            .select(
                "SELECT space FROM cells WHERE CAST(value AS TEXT) <> 'null' \
                 AND space IN ('_credentials', '_emails', '_refresh', '_user_sessions')",
            )
            .await;
        assert!(left.is_empty(), "{left:?}");
        let again = world.sign_up("ann@example.com").await;
        assert_ne!(again.user.id, ann.user.id);
    })
    .await;
}
