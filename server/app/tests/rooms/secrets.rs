//! What lies in the database tells no secret.

use std::path::Path;

use basalt_app::Secret;
use basalt_app::auth::{ChangePassword, UserChange};
use basalt_app::keys::NewKey;
use basalt_core::principal::{OperatorRole, Scope};

use crate::world::{PASSWORD, World, access, both, refresh};

const CANARY: &str = "canary horse in the mine";

/// Goes through every way that secrets come in by, and gives those that must not be found.
async fn use_everything(world: &World) -> Vec<String> {
    let ann = world.sign_up("ann@example.com").await;
    let caller = world.as_user(&ann).await;
    let rotated = world.refresh(refresh(&ann)).await.unwrap();
    let change = ChangePassword { current: Secret::new(PASSWORD), new: Secret::new(CANARY) };
    world.node.auth.change_password(&caller, change).await.unwrap();
    let _ = world.log_in("ann@example.com", "wrong but telling").await;
    let again = world.log_in("ann@example.com", CANARY).await.unwrap();
    let operator = world.operator(OperatorRole::Owner);
    let other = UserChange { password: Some(Secret::new("fourth horse of the tests")), ..UserChange::default() };
    world.node.users.update(&operator, &ann.user.id, other).await.unwrap();
    let key = NewKey { name: "k".into(), scopes: vec![Scope::All], expires_at: None };
    let (_, key) = world.node.keys.create(&operator, key).await.unwrap();
    world.node.principals.bearer(&key).await.unwrap();
    world.node.keys.note_uses().await.unwrap();
    let token = world.node.operators.setup_token().await.unwrap().unwrap();
    let password = Secret::new("fifth horse of the tests");
    let session = world.node.operators.set_up(&world.visitor(), &token, "o@example.com", &password).await.unwrap();
    let secrets =
        [access(&ann), refresh(&ann), &rotated, access(&again), refresh(&again), &key, &token, &session.cookie];
    let passwords = [PASSWORD, CANARY, "wrong but telling", "fourth horse of the tests", "fifth horse of the tests"];
    // The whole and a long part of it: nothing may be kept beside a prefix either.
    let parts = secrets.iter().map(|secret| secret.expose()[secret.expose().len() - 24..].to_owned());
    parts.chain(passwords.map(str::to_owned)).collect()
}

fn files_below(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(std::fs::read(path).unwrap()) }
    }
    found
}

#[tokio::test]
async fn no_secret_is_in_the_files_of_the_database() {
    let world = World::new(basalt_store::testkit::TestDb::sqlite().await).await;
    let secrets = use_everything(&world).await;
    let files = files_below(world.db.folder().unwrap());
    let contains =
        |needle: &str| files.iter().any(|file| file.windows(needle.len()).any(|part| part == needle.as_bytes()));
    assert!(contains("ann@example.com"), "the search finds what is there");
    for secret in &secrets {
        assert!(!contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn hashes_are_in_their_cells_and_bodies_of_system_collections_not_in_the_log() {
    both(|world| async move {
        let secrets = use_everything(&world).await;
        let cells = world.db.select("SELECT space, CAST(value AS TEXT) FROM cells").await;
        for row in &cells {
            let (space, value) = row.split_once('|').unwrap();
            let holds_hash = value.contains("$argon2");
            assert_eq!(holds_hash, space.ends_with("credentials"), "{row}");
            assert!(secrets.iter().all(|secret| !value.contains(secret.as_str())), "{space}");
        }
        assert!(cells.iter().any(|row| row.contains("$argon2id$")));
        let log = "SELECT collection, COALESCE(CAST(after_body AS TEXT), '') || COALESCE(CAST(before_body AS TEXT), '') FROM changes";
        for row in world.db.select(log).await {
            let (collection, body) = row.split_once('|').unwrap();
            assert!(!collection.starts_with('_') || body.is_empty(), "{row}");
            assert!(!body.contains("$argon2") && secrets.iter().all(|secret| !body.contains(secret.as_str())), "{row}");
        }
    })
    .await;
}
