use basalt_testing::{TestServer, on_both_engines};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

on_both_engines! {
    other_services_find_the_keys_that_tokens_are_signed_with,
    discovery_names_only_what_is_served,
}

async fn other_services_find_the_keys_that_tokens_are_signed_with(server: TestServer) {
    let ann = server.user("ann").await;
    let header = ann.access_token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let answer = server.visitor().get("/.well-known/jwks.json").expect(200).await;
    let keys = answer.at("/keys");
    let key = keys.as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).expect("the key of the token");
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&"OKP".into(), &"Ed25519".into(), &"EdDSA".into()));
    assert_eq!(URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap().len(), 32);
    assert!(keys.as_array().unwrap().iter().all(|key| key.get("d").is_none()), "a private key is shown");
}

async fn discovery_names_only_what_is_served(server: TestServer) {
    let answer = server.visitor().get("/.well-known/openid-configuration").expect(200).await;
    let body = answer.body();
    let issuer = body["issuer"].as_str().expect("an issuer");
    for (name, value) in body.as_object().unwrap() {
        let Some(url) = value.as_str().filter(|_| name.ends_with("_uri") || name.ends_with("_endpoint")) else {
            continue;
        };
        let path = url.strip_prefix(issuer).unwrap_or_else(|| panic!("{name} is elsewhere: {url}"));
        assert_ne!(server.visitor().get(path).send().await.status, 404, "{name}: {path}");
    }
    let ann = server.user("ann").await;
    let claims = ann.access_token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["iss"], issuer);
    for name in ["sub", "sid", "aud", "exp", "iat", "nbf", "amr", "auth_time"] {
        assert!(!claims[name].is_null(), "{name} is missing: {claims}");
    }
}
