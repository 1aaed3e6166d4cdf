use std::time::Duration;

use basalt_app::Secret;
use basalt_app::operators::{NewOperator, OperatorChange, OperatorSession};
use basalt_core::principal::OperatorRole;
use basalt_core::{Caller, Principal, Result};
use futures_util::future::join_all;

use crate::world::{World, both, code};

const STRONG: &str = "a strong enough horse";

async fn set_up(world: &World, token: &Secret, email: &str) -> Result<OperatorSession> {
    world.node.operators.set_up(&world.visitor(), token, email, &Secret::new(STRONG)).await
}

async fn first_owner(world: &World) -> OperatorSession {
    let token = world.node.operators.setup_token().await.unwrap().unwrap();
    set_up(world, &token, "Owner@example.com").await.unwrap()
}

async fn as_operator(world: &World, session: &OperatorSession) -> Caller {
    world.caller(world.node.principals.operator(&session.cookie).await.unwrap())
}

fn new(email: &str, role: OperatorRole) -> NewOperator {
    NewOperator { email: email.into(), role, password: Secret::new(STRONG) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_claim_a_fresh_server_one_becomes_its_owner() {
    both(|world| async move {
        let token = world.node.operators.setup_token().await.unwrap().unwrap();
        let emails: Vec<String> = (0..50).map(|n| format!("o{n}@example.com")).collect();
        let outcomes = join_all(emails.iter().map(|email| set_up(&world, &token, email))).await;
        let codes: Vec<_> = outcomes.iter().map(|outcome| code(outcome.as_ref().map_err(Clone::clone))).collect();
        assert_eq!(codes.iter().filter(|code| **code == "ok").count(), 1, "{codes:?}");
        assert_eq!(codes.iter().filter(|code| **code == "setup_done").count(), 49, "{codes:?}");
        let session = outcomes.into_iter().find_map(Result::ok).unwrap();
        let caller = as_operator(&world, &session).await;
        assert_eq!(world.node.operators.list(&caller).await.unwrap(), [session.operator]);
    })
    .await;
}

#[tokio::test]
async fn only_the_printed_link_sets_up_and_only_while_there_is_nobody() {
    both(|world| async move {
        assert!(world.node.operators.needs_setup().await.unwrap());
        assert_eq!(code(set_up(&world, &Secret::new("guess"), "eve@example.com").await), "invalid_token");
        let old = world.node.operators.setup_token().await.unwrap().unwrap();
        world.db.clock.advance(Duration::from_hours(25));
        assert_eq!(code(set_up(&world, &old, "eve@example.com").await), "invalid_token", "a day is its life");
        let [one, two] = [0, 1].map(|_| world.node.operators.setup_token());
        let (one, two) = (one.await.unwrap().unwrap(), two.await.unwrap().unwrap());
        set_up(&world, &one, "owner@example.com").await.unwrap();
        assert_eq!(code(set_up(&world, &one, "eve@example.com").await), "setup_done");
        assert_eq!(code(set_up(&world, &two, "eve@example.com").await), "setup_done", "another node's link, too");
        assert_eq!(world.node.operators.setup_token().await.unwrap(), None);
        assert!(!world.node.operators.needs_setup().await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_operator_made_by_the_command_line_is_a_set_up_too() {
    both(|world| async move {
        let token = world.node.operators.setup_token().await.unwrap().unwrap();
        let system = world.caller(Principal::System);
        world.node.operators.create(&system, new("owner@example.com", OperatorRole::Owner)).await.unwrap();
        assert_eq!(code(set_up(&world, &token, "eve@example.com").await), "setup_done");
    })
    .await;
}

#[tokio::test]
async fn an_operator_signs_in_and_out() {
    both(|world| async move {
        let first = first_owner(&world).await;
        assert_eq!(first.operator.email, "owner@example.com");
        let log_in = |email: &'static str, password: &'static str| {
            let (operators, caller) = (world.node.operators.clone(), world.visitor());
            async move { operators.log_in(&caller, email, &Secret::new(password)).await }
        };
        let session = log_in("OWNER@example.com", STRONG).await.unwrap();
        assert!(session.operator.last_login_at.is_some());
        let Principal::Operator(operator) = world.node.principals.operator(&session.cookie).await.unwrap() else {
            panic!("an operator")
        };
        assert_eq!((operator.role, operator.email.as_str()), (OperatorRole::Owner, "owner@example.com"));
        world.node.operators.log_out(&world.visitor(), &session.cookie).await.unwrap();
        assert_eq!(code(world.node.principals.operator(&session.cookie).await), "session_ended");
        assert_eq!(code(world.node.principals.operator(&first.cookie).await), "ok");
        world.node.operators.log_out(&world.visitor(), &Secret::new("nothing")).await.unwrap();
        let before = world.node.passwords.computed();
        for (email, password) in [("owner@example.com", "wrong"), ("nobody@example.com", STRONG)] {
            assert_eq!(code(log_in(email, password).await), "invalid_credentials");
        }
        assert_eq!(world.node.passwords.computed() - before, 2, "one hash each");
        world.db.clock.advance(Duration::from_hours(12));
        assert_eq!(code(world.node.principals.operator(&first.cookie).await), "session_ended", "twelve hours");
    })
    .await;
}

#[tokio::test]
async fn guessing_is_limited() {
    both(|world| async move {
        first_owner(&world).await;
        let mut codes = Vec::new();
        for _ in 0..6 {
            codes.push(code(guess_once(&world).await));
        }
        assert_eq!(codes[..5], ["invalid_credentials"; 5]);
        assert_eq!(codes[5], "rate_limited");
    })
    .await;
}

async fn guess_once(world: &World) -> Result<OperatorSession> {
    let caller = world.caller_from(Principal::Visitor, "192.0.2.1");
    world.node.operators.log_in(&caller, "owner@example.com", &Secret::new("wrong")).await
}

#[tokio::test]
async fn there_always_is_an_owner() {
    both(|world| async move {
        let session = first_owner(&world).await;
        let owner = as_operator(&world, &session).await;
        let operators = &world.node.operators;
        let demote = || OperatorChange { role: Some(OperatorRole::Editor), ..OperatorChange::default() };
        assert_eq!(code(operators.delete(&owner, &session.operator.id).await), "condition_failed");
        assert_eq!(code(operators.update(&owner, &session.operator.id, demote()).await), "condition_failed");
        let second = operators.create(&owner, new("second@example.com", OperatorRole::Owner)).await.unwrap();
        operators.update(&owner, &session.operator.id, demote()).await.unwrap();
        let demoted = as_operator(&world, &session).await;
        assert_eq!(code(operators.delete(&demoted, &second.id).await), "operator_role_missing", "at once");
        assert_eq!(code(operators.delete(&world.caller(Principal::System), &second.id).await), "condition_failed");
    })
    .await;
}

#[tokio::test]
async fn operators_are_the_owners_affair() {
    both(|world| async move {
        let session = first_owner(&world).await;
        let owner = as_operator(&world, &session).await;
        let operators = &world.node.operators;
        let viewer = operators.create(&owner, new("viewer@example.com", OperatorRole::Viewer)).await.unwrap();
        assert_eq!(
            code(operators.create(&owner, new("VIEWER@example.com", OperatorRole::Owner)).await),
            "unique_conflict"
        );
        let weak = NewOperator { password: Secret::new("password12"), ..new("x@example.com", OperatorRole::Viewer) };
        assert_eq!(code(operators.create(&owner, weak).await), "weak_password");
        let signed_in = operators.log_in(&world.visitor(), "viewer@example.com", &Secret::new(STRONG)).await.unwrap();
        let as_viewer = as_operator(&world, &signed_in).await;
        assert_eq!(operators.list(&as_viewer).await.unwrap().len(), 2);
        assert_eq!(
            code(operators.create(&as_viewer, new("x@example.com", OperatorRole::Owner)).await),
            "operator_role_missing"
        );
        assert_eq!(
            code(operators.create(&world.service(&["admin"]), new("x@example.com", OperatorRole::Owner)).await),
            "scope_missing"
        );
        assert_eq!(code(operators.list(&world.visitor()).await), "unauthenticated");
        let change =
            OperatorChange { password: Some(Secret::new("another strong horse")), ..OperatorChange::default() };
        operators.update(&owner, &viewer.id, change).await.unwrap();
        assert_eq!(code(world.node.principals.operator(&signed_in.cookie).await), "session_ended");
        let again = operators
            .log_in(&world.visitor(), "viewer@example.com", &Secret::new("another strong horse"))
            .await
            .unwrap();
        operators.delete(&owner, &viewer.id).await.unwrap();
        assert_eq!(code(world.node.principals.operator(&again.cookie).await), "session_ended");
        assert_eq!(code(operators.get(&owner, &viewer.id).await), "operator_not_found");
        operators.create(&owner, new("viewer@example.com", OperatorRole::Viewer)).await.unwrap();
    })
    .await;
}
