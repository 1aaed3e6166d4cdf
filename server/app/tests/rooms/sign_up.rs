use std::time::Duration;

use basalt_app::auth::{Identifier, SignUp};
use basalt_app::{Device, Secret};
use basalt_core::Code;
use basalt_core::filter::Filter;
use basalt_store::Count;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{PASSWORD, both, code, log_in, object, sign_up, users};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_parallel_sign_ups_of_one_address_one_wins() {
    both(|world| async move {
        let spellings = ["ann@example.com", "ANN@example.com", " ann@EXAMPLE.com", "ａｎｎ@example.com"];
        let tries = (0..50).map(|n| world.try_sign_up(spellings[n % spellings.len()]));
        let outcomes = join_all(tries).await;
        let codes: Vec<_> = outcomes.iter().map(|outcome| code(outcome.as_ref().map_err(Clone::clone))).collect();
        assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == "unique_conflict").count(), 49, "{codes:?}");
        let count =
            world.node.store.count(Count { collection: users(), filter: Filter::True, search: None }).await.unwrap();
        assert_eq!(count, 1);
        assert!(world.log_in("ann@example.com", PASSWORD).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_new_user_has_the_servers_fields_and_his_own() {
    both(|world| async move {
        let input = SignUp {
            identifiers: vec![
                Identifier::email("Ann@Example.com").unwrap(),
                Identifier::username("AnnS").unwrap(),
                Identifier::phone("+44 20 7946 0958").unwrap(),
            ],
            password: Secret::new(PASSWORD),
            data: object(json!({"displayName": "Ann", "id": "mine", "rev": "x"})),
        };
        let signed_in = world.node.auth.sign_up(&world.visitor(), &Device::default(), input).await.unwrap();
        let data = signed_in.user.data.clone();
        assert_eq!(data["email"], "ann@example.com");
        assert_eq!(data["username"], "AnnS");
        assert_eq!(data["phone"], "+442079460958");
        assert_eq!(data["displayName"], "Ann");
        for (field, value) in [("emailVerified", json!(false)), ("anonymous", json!(false)), ("roles", json!([]))] {
            assert_eq!(data[field], value, "{field}");
        }
        assert!(signed_in.seq.is_some());
        for name in
            [Identifier::username("anns"), Identifier::phone("+442079460958"), Identifier::email("ANN@example.com")]
        {
            let input = basalt_app::auth::LogIn { identifier: name.unwrap(), password: Secret::new(PASSWORD) };
            let again = world.node.auth.log_in(&world.visitor(), &Device::default(), input).await.unwrap();
            assert_eq!(again.user.id, signed_in.user.id);
        }
    })
    .await;
}

#[tokio::test]
async fn data_never_sets_what_is_the_servers() {
    both(|world| async move {
        for field in ["roles", "claims", "email", "emailVerified", "disabled", "anonymous", "lastLoginAt"] {
            let input = SignUp { data: object(json!({field: ["admin"]})), ..sign_up("eve@example.com") };
            let outcome = world.node.auth.sign_up(&world.visitor(), &Device::default(), input).await;
            assert_eq!(code(outcome), "field_protected", "{field}");
        }
        assert_eq!(world.node.passwords.computed(), 0, "refused before anything costly");
    })
    .await;
}

#[tokio::test]
async fn data_follows_the_schema_and_the_unique_indexes_of_users() {
    both(|world| async move {
        let schema = json!({"schema": {"type": "object", "properties": {
            "age": {"type": "integer"}, "nick": {"type": "string"}, "born": {"type": "string", "format": "date-time"},
        }}});
        world.define_users(schema, &["nick"]).await;
        let with = |email: &str, data| SignUp { data: object(data), ..sign_up(email) };
        let sign = |input| async { world.node.auth.sign_up(&world.visitor(), &Device::default(), input).await };
        assert_eq!(code(sign(with("a@example.com", json!({"age": "old"}))).await), "schema_violation");
        let ann =
            sign(with("a@example.com", json!({"nick": "ann", "born": "2000-01-01T01:00:00+01:00"}))).await.unwrap();
        assert_eq!(ann.user.data["born"], "2000-01-01T00:00:00.000Z");
        assert_eq!(code(sign(with("b@example.com", json!({"nick": "ann"}))).await), "unique_conflict");
        assert!(sign(with("b@example.com", json!({"nick": "ben"}))).await.is_ok(), "the address was not taken");
    })
    .await;
}

#[tokio::test]
async fn settings_switch_it_off() {
    both(|world| async move {
        world.set(|settings| settings.sign_up = false);
        assert_eq!(code(world.try_sign_up("ann@example.com").await), "sign_up_disabled");
        world.set(|settings| (settings.sign_up, settings.password) = (true, false));
        assert_eq!(code(world.try_sign_up("ann@example.com").await), "method_disabled");
        let outcome = world.node.auth.log_in(&world.visitor(), &Device::default(), log_in("a@b.c", PASSWORD)).await;
        assert_eq!(code(outcome), "method_disabled");
    })
    .await;
}

#[tokio::test]
async fn a_weak_password_is_refused_and_nothing_is_made() {
    both(|world| async move {
        for weak in ["short", "password1", "ann@example.com"] {
            let input = SignUp { password: Secret::new(weak), ..sign_up("ann@example.com") };
            let outcome = world.node.auth.sign_up(&world.visitor(), &Device::default(), input).await;
            assert_eq!(code(outcome), "weak_password", "{weak}");
        }
        assert!(world.try_sign_up("ann@example.com").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn one_network_makes_so_many_accounts_an_hour() {
    both(|world| async move {
        world.set(|settings| settings.limits.sign_ups_per_hour = 2);
        world.sign_up("a@example.com").await;
        world.sign_up("b@example.com").await;
        let refused = world.try_sign_up("c@example.com").await.unwrap_err();
        assert_eq!(refused.code(), Code::RateLimited);
        assert_eq!(refused.retry_after_hint(), Some(Duration::from_hours(1)));
        world.db.clock.advance(Duration::from_hours(1));
        assert!(world.try_sign_up("c@example.com").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn an_address_that_has_to_be_proven_opens_no_session_yet() {
    both(|world| async move {
        world.set(|settings| settings.require_verified_email = true);
        assert!(world.sign_up("ann@example.com").await.session.is_none());
        assert_eq!(code(world.log_in("ann@example.com", PASSWORD).await), "email_not_verified");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_may_change_meanwhile() {
    both(|world| async move {
        let emails: Vec<String> = (0..20).map(|n| format!("u{n}@example.com")).collect();
        let sign_ups = join_all(emails.iter().map(|email| world.try_sign_up(email)));
        let definitions = async {
            for n in 0..5 {
                let schema = json!({"schema": {"type": "object", "properties": {format!("f{n}"): {"type": "string"}}}});
                world.define_users(schema, &[]).await;
            }
        };
        let (outcomes, ()) = tokio::join!(sign_ups, definitions);
        let codes: Vec<_> = outcomes.into_iter().map(code).collect();
        assert!(codes.iter().all(|code| *code == "ok"), "{codes:?}");
    })
    .await;
}
