//! What may be done with a token follows the database at once.

use basalt_app::Secret;
use basalt_app::auth::{LogOutScope, UserChange};
use basalt_core::principal::OperatorRole;
use basalt_store::Store;

use crate::world::{CHEAP, Node, World, access, both, code};

fn roles(names: &[&str]) -> UserChange {
    UserChange { roles: Some(names.iter().map(ToString::to_string).collect()), ..UserChange::default() }
}

#[tokio::test]
async fn a_ban_and_a_role_act_on_the_very_next_request() {
    both(|world| async move {
        world.declare(&["admin"]).await;
        let ann = world.sign_up("ann@example.com").await;
        let operator = world.operator(OperatorRole::Editor);
        assert!(world.as_user(&ann).await.user().unwrap().roles.is_empty());
        world.node.users.update(&operator, &ann.user.id, roles(&["admin"])).await.unwrap();
        assert_eq!(world.as_user(&ann).await.user().unwrap().roles, ["admin"]);
        world.node.users.update(&operator, &ann.user.id, roles(&[])).await.unwrap();
        assert!(world.as_user(&ann).await.user().unwrap().roles.is_empty(), "demoted");
        let ban = UserChange { disabled: Some(true), ..UserChange::default() };
        world.node.users.update(&operator, &ann.user.id, ban).await.unwrap();
        assert_eq!(code(world.try_user(&ann).await), "account_disabled");
        world.node.users.delete(&operator, &ann.user.id).await.unwrap();
        assert_eq!(code(world.try_user(&ann).await), "session_ended");
    })
    .await;
}

#[tokio::test]
async fn an_unchanged_principal_comes_from_memory() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        world.as_user(&ann).await;
        world.node.store.close().await;
        assert_eq!(code(world.try_user(&ann).await), "ok", "nothing was read");
    })
    .await;
}

#[tokio::test]
async fn another_node_follows_by_the_log() {
    let db = basalt_store::testkit::TestDb::postgres().await;
    let world = World::new(db).await;
    let store = Store::open(world.db.options()).await.unwrap();
    let other = Node::new(&world.db, store, CHEAP).await;
    let ann = world.sign_up("ann@example.com").await;
    assert!(other.principals.bearer(access(&ann)).await.is_ok(), "one node's token is good at the other");
    let caller = world.as_user(&ann).await;
    world.node.auth.log_out(&caller, LogOutScope::All).await.unwrap();
    other.follow().await;
    assert_eq!(code(other.principals.bearer(access(&ann)).await), "session_ended");
}

#[tokio::test]
async fn a_node_that_hears_nothing_reads() {
    let db = basalt_store::testkit::TestDb::postgres().await;
    let world = World::new(db).await;
    let store = Store::open(world.db.options()).await.unwrap();
    let other = Node::new(&world.db, store, CHEAP).await;
    let ann = world.sign_up("ann@example.com").await;
    assert!(other.principals.bearer(access(&ann)).await.is_ok());
    let caller = world.as_user(&ann).await;
    world.node.auth.log_out(&caller, LogOutScope::All).await.unwrap();
    world.db.clock.advance(std::time::Duration::from_secs(3));
    assert_eq!(code(other.principals.bearer(access(&ann)).await), "session_ended", "its tailer is 3 s behind");
}

#[tokio::test]
async fn what_is_no_token_is_an_error_and_never_a_visitor() {
    both(|world| async move {
        for bad in ["", "x", "a.b.c", "bst_sk_", "bst_sk_0000000000", &"x".repeat(100_000)] {
            let outcome = world.node.principals.bearer(&Secret::new(bad)).await;
            assert_eq!(code(outcome.as_ref().map_err(Clone::clone)), "invalid_token", "{outcome:?}");
        }
    })
    .await;
}
