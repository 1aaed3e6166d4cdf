//! Guessing passwords: what it costs, and that it keeps nobody out.

use std::time::Duration;

use basalt_app::Device;
use basalt_app::Secret;
use basalt_app::auth::{ChangePassword, SignedIn};
use basalt_core::{Code, Principal, Result};
use futures_util::future::join_all;

use crate::world::{PASSWORD, World, both, code, log_in};

async fn try_from(world: &World, ip: &str, email: &str, password: &str) -> Result<SignedIn> {
    let caller = world.caller_from(Principal::Visitor, ip);
    world.node.auth.log_in(&caller, &Device::default(), log_in(email, password)).await
}

#[tokio::test]
async fn after_five_wrong_tries_each_has_to_wait_and_the_right_one_resets() {
    both(|world| async move {
        world.sign_up("ann@example.com").await;
        for _ in 0..5 {
            assert_eq!(code(world.log_in("ann@example.com", "wrong").await), "invalid_credentials");
        }
        for wait in [1, 2, 4] {
            let refused = world.log_in("ann@example.com", PASSWORD).await.unwrap_err();
            assert_eq!(refused.code(), Code::RateLimited, "also the right one has to wait");
            assert_eq!(refused.retry_after_hint(), Some(Duration::from_secs(wait)));
            world.db.clock.advance(Duration::from_secs(wait));
            assert_eq!(code(world.log_in("ann@example.com", "wrong").await), "invalid_credentials");
        }
        world.db.clock.advance(Duration::from_mins(15));
        assert!(world.log_in("ann@example.com", PASSWORD).await.is_ok());
        for _ in 0..5 {
            assert_eq!(code(world.log_in("ann@example.com", "wrong").await), "invalid_credentials", "free again");
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_accounts_are_limited_like_known_ones() {
    both(|world| async move {
        for _ in 0..5 {
            assert_eq!(code(world.log_in("nobody@example.com", "wrong").await), "invalid_credentials");
        }
        assert_eq!(code(world.log_in("nobody@example.com", "wrong").await), "rate_limited");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_are_counted_one_by_one() {
    both(|world| async move {
        world.sign_up("ann@example.com").await;
        let before = world.node.passwords.computed();
        let outcomes = join_all((0..50).map(|_| world.log_in("ann@example.com", "wrong"))).await;
        let looked_at = outcomes.iter().filter(|o| o.as_ref().is_err_and(|e| e.code() == Code::InvalidCredentials));
        assert_eq!(looked_at.count(), 5);
        assert_eq!(world.node.passwords.computed() - before, 5, "the others cost no hash");
    })
    .await;
}

#[tokio::test]
async fn strangers_who_guess_do_not_keep_the_account_out() {
    both(|world| async move {
        world.sign_up("ann@example.com").await;
        try_from(&world, "198.51.100.1", "ann@example.com", PASSWORD).await.unwrap();
        for n in 0..9 {
            let ip = format!("192.0.2.{n}");
            let _ = try_from(&world, &ip, "ann@example.com", "wrong").await;
        }
        let stranger = try_from(&world, "192.0.2.200", "ann@example.com", PASSWORD).await;
        assert_eq!(code(stranger), "rate_limited");
        let at_home = try_from(&world, "198.51.100.1", "ann@example.com", PASSWORD).await;
        assert_eq!(code(at_home), "ok", "a network that she came from before has a count of its own");
    })
    .await;
}

#[tokio::test]
async fn one_network_guesses_at_so_many_accounts() {
    both(|world| async move {
        world.set(|settings| settings.limits.tries_of_network = 10);
        world.sign_up("ann@example.com").await;
        for n in 0..10 {
            let ip = format!("2001:db8:1:2::{n}");
            let outcome = try_from(&world, &ip, &format!("u{n}@example.com"), "wrong").await;
            assert_eq!(code(outcome), "invalid_credentials", "{n}");
        }
        let outcome = try_from(&world, "2001:db8:1:2:ffff::1", "ann@example.com", PASSWORD).await;
        assert_eq!(code(outcome), "rate_limited", "one /64 is one network");
        let outcome = try_from(&world, "2001:db8:1:3::1", "ann@example.com", PASSWORD).await;
        assert_eq!(code(outcome), "ok");
    })
    .await;
}

#[tokio::test]
async fn right_passwords_are_never_too_many() {
    both(|world| async move {
        world.set(|settings| settings.limits.tries_of_network = 3);
        world.sign_up("ann@example.com").await;
        for _ in 0..10 {
            assert!(world.log_in("ann@example.com", PASSWORD).await.is_ok());
        }
    })
    .await;
}

#[tokio::test]
async fn the_current_password_is_guessed_under_the_same_limit() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let caller = world.as_user(&ann).await;
        let change = || ChangePassword { current: Secret::new("wrong"), new: Secret::new("another fine horse") };
        for _ in 0..5 {
            assert_eq!(code(world.node.auth.change_password(&caller, change()).await), "invalid_credentials");
        }
        assert_eq!(code(world.node.auth.change_password(&caller, change()).await), "rate_limited");
    })
    .await;
}
