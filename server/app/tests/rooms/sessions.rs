use basalt_app::Secret;
use basalt_app::auth::{ChangePassword, LogOutScope};

use crate::world::{PASSWORD, both, code, id, refresh};

#[tokio::test]
async fn a_user_sees_his_sessions_and_ends_one() {
    both(|world| async move {
        let first = world.sign_up("ann@example.com").await;
        world.db.clock.advance(std::time::Duration::from_millis(1));
        let second = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        let ben = world.sign_up("ben@example.com").await;
        let caller = world.as_user(&second).await;
        let sessions = world.node.auth.sessions(&caller).await.unwrap();
        let shown: Vec<_> = sessions.iter().map(|session| (session.id.clone(), session.current)).collect();
        let ids = [&second, &first].map(|one| one.session.as_ref().unwrap().session.clone());
        assert_eq!(shown, [(ids[0].clone(), true), (ids[1].clone(), false)], "newest first");
        assert_eq!(sessions[0].ip.as_deref(), Some("203.0.113.7"));
        world.as_user(&first).await;
        world.node.auth.end_session(&caller, &ids[1]).await.unwrap();
        assert_eq!(code(world.try_user(&first).await), "session_ended", "on the very next request");
        assert_eq!(code(world.refresh(refresh(&first)).await), "session_ended");
        for foreign in [id("nothing"), ids[1].clone(), ben.session.as_ref().unwrap().session.clone()] {
            assert_eq!(code(world.node.auth.end_session(&caller, &foreign).await), "session_not_found");
        }
        assert!(world.try_user(&ben).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn logging_out_ends_what_it_says() {
    both(|world| async move {
        let first = world.sign_up("ann@example.com").await;
        let second = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        let third = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        let caller = world.as_user(&second).await;
        for one in [&first, &third] {
            world.as_user(one).await;
        }
        world.node.auth.log_out(&caller, LogOutScope::Others).await.unwrap();
        let codes = [
            code(world.try_user(&first).await),
            code(world.try_user(&second).await),
            code(world.try_user(&third).await),
        ];
        assert_eq!(codes, ["session_ended", "ok", "session_ended"]);
        let fourth = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        world.node.auth.log_out(&caller, LogOutScope::Current).await.unwrap();
        assert_eq!((code(world.try_user(&second).await), code(world.try_user(&fourth).await)), ("session_ended", "ok"));
        world.node.auth.log_out(&world.as_user(&fourth).await, LogOutScope::All).await.unwrap();
        assert_eq!(code(world.try_user(&fourth).await), "session_ended");
    })
    .await;
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    both(|world| async move {
        let first = world.sign_up("ann@example.com").await;
        let second = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        let caller = world.as_user(&second).await;
        world.as_user(&first).await;
        for weak in ["password", "short"] {
            let weak = ChangePassword { current: Secret::new(PASSWORD), new: Secret::new(weak) };
            let refused = world.node.auth.change_password(&caller, weak).await.unwrap_err();
            assert_eq!((refused.code().as_str(), refused.errors()[0].path.as_str()), ("weak_password", "/newPassword"));
        }
        let change = ChangePassword { current: Secret::new(PASSWORD), new: Secret::new("another fine horse") };
        world.node.auth.change_password(&caller, change).await.unwrap();
        assert_eq!((code(world.try_user(&first).await), code(world.try_user(&second).await)), ("session_ended", "ok"));
        assert!(world.refresh(refresh(&second)).await.is_ok());
        assert_eq!(code(world.log_in("ann@example.com", PASSWORD).await), "invalid_credentials");
        assert!(world.log_in("ann@example.com", "another fine horse").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn beyond_its_number_a_new_session_ends_the_oldest() {
    both(|world| async move {
        world.set(|settings| settings.limits.sessions_of_user = 2);
        let first = world.sign_up("ann@example.com").await;
        let second = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        world.as_user(&first).await;
        let third = world.log_in("ann@example.com", PASSWORD).await.unwrap();
        let codes = [
            code(world.try_user(&first).await),
            code(world.try_user(&second).await),
            code(world.try_user(&third).await),
        ];
        assert_eq!(codes, ["session_ended", "ok", "ok"]);
    })
    .await;
}
