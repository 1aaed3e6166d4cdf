use basalt_app::Device;
use basalt_app::auth::{SignUp, SignedIn};
use basalt_core::Result;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{PASSWORD, World, both, code, object, sign_up};

async fn anonymous(world: &World) -> Result<SignedIn> {
    world.set(|settings| settings.anonymous = true);
    world.node.auth.anonymous(&world.visitor(), &Device::default()).await
}

#[tokio::test]
async fn it_is_off_until_switched_on() {
    both(|world| async move {
        let outcome = world.node.auth.anonymous(&world.visitor(), &Device::default()).await;
        assert_eq!(code(outcome), "method_disabled");
        assert!(anonymous(&world).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn signing_up_keeps_the_id_and_the_own_fields() {
    both(|world| async move {
        let nobody = anonymous(&world).await.unwrap();
        assert_eq!(nobody.user.data["anonymous"], true);
        let caller = world.as_user(&nobody).await;
        world.node.auth.update_me(&caller, object(json!({"cart": ["book"], "theme": "dark"}))).await.unwrap();
        let input = SignUp { data: object(json!({"theme": "light"})), ..sign_up("ann@example.com") };
        let ann = world.node.auth.sign_up(&caller, &Device::default(), input).await.unwrap();
        assert_eq!(ann.user.id, nobody.user.id);
        assert_eq!(ann.user.data["anonymous"], false);
        assert_eq!((&ann.user.data["cart"], &ann.user.data["theme"]), (&json!(["book"]), &json!("light")));
        let principal = world.as_user(&ann).await;
        assert_eq!(principal.user().unwrap().method, "password");
        assert_eq!(code(world.try_user(&nobody).await), "session_ended", "the new session replaces the old one");
        assert_eq!(world.log_in("ann@example.com", PASSWORD).await.unwrap().user.id, nobody.user.id);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_upgrades_at_once_one_wins() {
    both(|world| async move {
        let nobody = anonymous(&world).await.unwrap();
        let caller = world.as_user(&nobody).await;
        let upgrade = |n: u32| {
            let (auth, caller) = (world.node.auth.clone(), caller.clone());
            async move { auth.sign_up(&caller, &Device::default(), sign_up(&format!("u{n}@example.com"))).await }
        };
        let outcomes = join_all((0..20).map(upgrade)).await;
        let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(won.len(), 1);
        let stored = world.user(&nobody.user.id).await.unwrap();
        assert_eq!(stored.data["email"], won[0].user.data["email"]);
    })
    .await;
}

#[tokio::test]
async fn a_taken_address_upgrades_nothing() {
    both(|world| async move {
        world.sign_up("ann@example.com").await;
        let nobody = anonymous(&world).await.unwrap();
        let caller = world.as_user(&nobody).await;
        let outcome = world.node.auth.sign_up(&caller, &Device::default(), sign_up("ann@example.com")).await;
        assert_eq!(code(outcome), "unique_conflict");
        assert!(world.try_user(&nobody).await.is_ok(), "still signed in");
    })
    .await;
}
