use std::time::Duration;

use basalt_app::auth::UserChange;
use basalt_app::{Device, Secret};
use basalt_core::principal::OperatorRole;
use futures_util::future::join_all;

use crate::world::{access, both, code, refresh};

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_session() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        world.db.clock.advance(Duration::from_mins(20));
        assert_eq!(code(world.try_user(&ann).await), "token_expired");
        let device = Device::new(Some("Tests/2\n\u{7}"));
        let tokens = world.node.auth.refresh(&world.visitor(), &device, refresh(&ann)).await.unwrap();
        assert_eq!(tokens.session, ann.session.as_ref().unwrap().session);
        assert_eq!(tokens.expires_in, Duration::from_mins(15));
        let caller = world.caller(world.node.principals.bearer(&tokens.access_token).await.unwrap());
        let sessions = world.node.auth.sessions(&caller).await.unwrap();
        assert_eq!(sessions.len(), 1);
        assert!(sessions[0].last_used_at > sessions[0].created_at);
        assert_eq!(sessions[0].agent.as_deref(), Some("Tests/2"));
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_is_given_again_within_the_grace() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let successor = world.refresh(refresh(&ann)).await.unwrap();
        world.db.clock.advance(Duration::from_secs(10));
        assert_eq!(world.refresh(refresh(&ann)).await.unwrap(), successor, "the very same one: no second family");
        assert!(world.refresh(&successor).await.is_ok());
        assert_eq!(code(world.refresh(refresh(&ann)).await), "session_ended", "two steps back is no lost answer");
    })
    .await;
}

#[tokio::test]
async fn reuse_after_the_grace_ends_the_whole_family() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        world.as_user(&ann).await;
        let successor = world.refresh(refresh(&ann)).await.unwrap();
        world.db.clock.advance(Duration::from_secs(11));
        assert_eq!(code(world.refresh(refresh(&ann)).await), "session_ended");
        assert_eq!(code(world.refresh(&successor).await), "session_ended", "the live one, too");
        assert_eq!(code(world.try_user(&ann).await), "session_ended", "and access tokens");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_parallel_refreshes_give_one_successor() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let outcomes = join_all((0..50).map(|_| world.refresh(refresh(&ann)))).await;
        let tokens: Vec<Secret> = outcomes.into_iter().map(Result::unwrap).collect();
        assert!(tokens.iter().all(|token| *token == tokens[0]));
        assert!(world.refresh(&tokens[0]).await.is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_parallel_reuses_end_it_once() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        world.refresh(refresh(&ann)).await.unwrap();
        world.db.clock.advance(Duration::from_mins(1));
        let outcomes = join_all((0..50).map(|_| world.refresh(refresh(&ann)))).await;
        assert!(outcomes.into_iter().all(|outcome| code(outcome) == "session_ended"));
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_in_the_end_however_often_it_is_refreshed() {
    both(|world| async move {
        world.set(|settings| settings.refresh_token_life = Duration::from_hours(2));
        let ann = world.sign_up("ann@example.com").await;
        world.db.clock.advance(Duration::from_mins(110));
        let caller = world.visitor();
        let last = world.node.auth.refresh(&caller, &Device::default(), refresh(&ann)).await.unwrap();
        assert_eq!(last.expires_in, Duration::from_mins(10), "no access token outlives its session");
        world.db.clock.advance(Duration::from_mins(10));
        assert_eq!(code(world.refresh(&last.refresh_token).await), "session_ended");
        assert_eq!(code(world.node.principals.bearer(&last.access_token).await), "token_expired");
        assert_eq!(world.node.auth.sweep().await.unwrap(), 1);
        assert_eq!(world.node.auth.sweep().await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let mut forged = refresh(&ann).expose().to_owned();
        forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
        for bad in ["", "bst_rt_", &forged, access(&ann).expose()] {
            assert_eq!(code(world.refresh(&Secret::new(bad)).await), "invalid_token", "{bad:?}");
        }
        assert_eq!(code(world.node.principals.bearer(refresh(&ann)).await), "invalid_token", "it opens nothing itself");
    })
    .await;
}

#[tokio::test]
async fn a_banned_user_refreshes_nothing() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let ban = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
        let operator = world.operator(OperatorRole::Editor);
        world.node.users.update(&operator, &ann.user.id, ban(true)).await.unwrap();
        assert_eq!(code(world.refresh(refresh(&ann)).await), "session_ended");
        assert!(world.node.users.sessions(&operator, &ann.user.id).await.unwrap().is_empty());
        world.node.users.update(&operator, &ann.user.id, ban(false)).await.unwrap();
        assert_eq!(code(world.refresh(refresh(&ann)).await), "session_ended", "a ban ends sessions for good");
        assert_eq!(code(world.node.principals.bearer(access(&ann)).await), "session_ended");
    })
    .await;
}
