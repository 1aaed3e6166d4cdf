//! Access tokens as other services see them, and as forgers make them.

use std::time::Duration;

use basalt_app::Secret;
use basalt_app::auth::FormerKeys;
use basalt_core::{Caller, Clock};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use crate::world::{World, access, both, code};

fn claims(token: &Secret) -> Value {
    let payload = token.expose().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn header(token: &Secret) -> Value {
    let header = token.expose().split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed_by_stranger(kid: &str, typ: &str, claims: &Value) -> Secret {
    let der = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).to_pkcs8_der().unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    (header.kid, header.typ) = (Some(kid.to_owned()), Some(typ.to_owned()));
    Secret::new(jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap())
}

async fn refused(world: &World, token: Secret) -> &'static str {
    code(world.node.principals.bearer(&token).await)
}

#[tokio::test]
async fn a_token_says_what_the_contract_says() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let token = access(&ann);
        let now = world.db.clock.now().seconds();
        let session = ann.session.as_ref().unwrap();
        let expected = json!({
            "iss": "http://localhost:7070", "aud": "basalt", "sub": ann.user.id, "sid": session.session,
            "roles": [], "claims": {}, "amr": ["pwd"],
            "auth_time": now, "iat": now, "nbf": now, "exp": now + 900,
        });
        assert_eq!(claims(token), expected);
        let header = header(token);
        assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
        assert_eq!(session.expires_in, Duration::from_mins(15));
    })
    .await;
}

#[tokio::test]
async fn another_service_verifies_it_by_the_published_keys() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let discovery = world.node.auth.openid_configuration();
        assert_eq!(discovery["jwks_uri"], "http://localhost:7070/.well-known/jwks.json");
        assert!(discovery.get("authorization_endpoint").is_none(), "only what is served");
        let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_value(world.node.auth.jwks()).unwrap();
        let kid = header(access(&ann))["kid"].as_str().unwrap().to_owned();
        let key = DecodingKey::from_jwk(jwks.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[discovery["issuer"].as_str().unwrap()]);
        validation.set_audience(&["basalt"]);
        validation.validate_exp = false;
        let verified = jsonwebtoken::decode::<Value>(access(&ann).expose(), &key, &validation).unwrap();
        assert_eq!(verified.claims["sub"], json!(ann.user.id));
    })
    .await;
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let token = access(&ann).clone();
        let [head, payload, signature] = token.expose().split('.').collect::<Vec<_>>()[..] else {
            panic!("three parts")
        };
        let kid = header(&token)["kid"].as_str().unwrap().to_owned();
        let other = claims(&token);
        let none = encoded(&json!({"alg": "none", "typ": "at+jwt", "kid": kid}));
        let public = world.node.auth.jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
        let mut symmetric = Header::new(Algorithm::HS256);
        (symmetric.kid, symmetric.typ) = (Some(kid.clone()), Some("at+jwt".into()));
        let by_public_key = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(public).unwrap());
        let mut admin = other.clone();
        admin["sub"] = json!("somebody-else");
        let forged = [
            format!("{none}.{payload}."),
            format!("{none}.{payload}.{signature}"),
            format!("{head}.{}.{signature}", encoded(&admin)),
            format!("{head}.{payload}."),
            format!("{head}.{payload}"),
            format!("{head}.{payload}.{signature}.x"),
            format!("{}x", token.expose()),
            jsonwebtoken::encode(&symmetric, &other, &by_public_key).unwrap(),
        ];
        for forged in forged {
            assert_eq!(refused(&world, Secret::new(forged.clone())).await, "invalid_token", "{forged}");
        }
        for kid in [kid.as_str(), "unknown", "../../keys/master", ""] {
            assert_eq!(refused(&world, signed_by_stranger(kid, "at+jwt", &other)).await, "invalid_token", "{kid}");
        }
        assert_eq!(refused(&world, token).await, "ok");
    })
    .await;
}

#[tokio::test]
async fn tokens_for_others_are_refused() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        world.as_user(&ann).await;
        world.set(|settings| settings.audience = "another".into());
        assert_eq!(code(world.try_user(&ann).await), "invalid_token", "also one that is remembered");
        world.set(|settings| (settings.audience, settings.issuer) = ("basalt".into(), "https://other.example".into()));
        assert_eq!(code(world.try_user(&ann).await), "invalid_token");
    })
    .await;
}

#[tokio::test]
async fn a_token_has_its_time() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let issued = world.db.clock.now();
        world.db.clock.set(issued.plus(Duration::from_secs(899)));
        assert_eq!(code(world.try_user(&ann).await), "ok");
        world.db.clock.set(issued.plus(Duration::from_mins(15)));
        assert_eq!(code(world.try_user(&ann).await), "token_expired");
        world.db.clock.set(issued.minus(Duration::from_mins(1)));
        assert_eq!(code(world.try_user(&ann).await), "ok", "another node's clock may be a little behind");
        world.db.clock.set(issued.minus(Duration::from_secs(62)));
        assert_eq!(code(world.try_user(&ann).await), "invalid_token");
    })
    .await;
}

#[tokio::test]
async fn keys_rotate_without_logging_anyone_out() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        let system = Caller::system(world.db.clock.now());
        world.node.keyring.rotate(&system, FormerKeys::Keep).await.unwrap();
        assert_eq!(code(world.try_user(&ann).await), "ok");
        let ben = world.sign_up("ben@example.com").await;
        assert_ne!(header(access(&ann))["kid"], header(access(&ben))["kid"]);
        assert_eq!(world.node.auth.jwks()["keys"].as_array().unwrap().len(), 2);
        world.db.clock.advance(Duration::from_hours(25));
        assert_eq!(world.node.auth.jwks()["keys"].as_array().unwrap().len(), 1, "the former key is gone");
        world.node.keyring.rotate(&system, FormerKeys::Keep).await.unwrap();
        world.node.keyring.rotate(&system, FormerKeys::Keep).await.unwrap();
        assert_eq!(world.node.auth.jwks()["keys"].as_array().unwrap().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_leaked_key_is_dropped_at_once() {
    both(|world| async move {
        let ann = world.sign_up("ann@example.com").await;
        world.as_user(&ann).await;
        let system = Caller::system(world.db.clock.now());
        world.node.keyring.rotate(&system, FormerKeys::Drop).await.unwrap();
        assert_eq!(code(world.try_user(&ann).await), "invalid_token");
        assert!(world.refresh(crate::world::refresh(&ann)).await.is_ok(), "and nobody is logged out");
    })
    .await;
}

#[tokio::test]
async fn another_nodes_new_key_is_found() {
    let world = World::new(basalt_store::testkit::TestDb::postgres().await).await;
    let store = basalt_store::Store::open(world.db.options()).await.unwrap();
    let other = crate::world::Node::new(&world.db, store, crate::world::CHEAP).await;
    let system = Caller::system(world.db.clock.now());
    world.node.keyring.rotate(&system, FormerKeys::Keep).await.unwrap();
    let ann = world.sign_up("ann@example.com").await;
    assert_eq!(code(other.principals.bearer(access(&ann)).await), "ok");
}

#[tokio::test]
async fn another_secret_is_told_at_the_start() {
    both(|world| async move {
        use basalt_app::auth::KeyRing;
        use basalt_app::{Db, MasterSecret};
        let db = Db::new(world.node.store.clone(), world.db.clock.clone(), world.db.random.clone());
        let master = MasterSecret::from_text("another master secret, also long enough").unwrap();
        let outcome = KeyRing::open(db, master, world.node.settings.clone()).await;
        assert_eq!(code(outcome), "unavailable");
    })
    .await;
}
