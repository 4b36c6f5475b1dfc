//! Every forgery is a 401 that says what is wrong; a token never has a say in how it is verified.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daybook_platform::Authenticator;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::house::{House, now, refusal};

#[tokio::test]
async fn forgeries_are_refused_and_told_apart() {
    let house = House::new();
    let authenticator = Authenticator::new(&house.settings).await.unwrap();
    let changed = |key: &str, value: Value| {
        let mut body = house.body();
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(key)),
            value => body[key] = value,
        }
        house.signed(&body, |_| {})
    };
    assert!(authenticator.verify(&house.signed(&house.body(), |_| {})).await.is_ok(), "the form itself is sound");
    assert!(authenticator.verify(&changed("aud", json!(["other", "daybook"]))).await.is_ok());
    let told = [
        (changed("exp", json!(now() - 60)), "has expired"),
        (changed("nbf", json!(now() + 600)), "not valid yet"),
        (changed("iss", json!("https://elsewhere")), "another issuer"),
        (changed("aud", json!("payroll")), "another audience"),
        (changed("exp", Value::Null), "exp"),
        (changed("iss", Value::Null), "iss"),
        (changed("aud", Value::Null), "aud"),
        (changed("sub", Value::Null), "sub"),
        (changed("tenant_id", Value::Null), "tenant_id"),
        (changed("tenant_id", json!("acme")), "tenant_id"),
        (changed("tenant_id", json!(Uuid::nil())), "tenant_id"),
        (changed("sub", json!("root")), "claims"),
        (house.signed(&house.body(), |header| header.kid = None), "kid"),
        (house.signed(&house.body(), |header| header.kid = Some("other".into())), "does not have"),
        (house.signed(&house.body(), |header| header.alg = Algorithm::RS384), "not signed with RS256"),
        ("a.b".to_owned(), "not a JWT"),
        ("a.b.c".to_owned(), "not a JWT"),
        (format!("{}.x", house.token()), "not a JWT"),
        (String::new(), "not a JWT"),
        ("x".repeat(8193), "longer than 8192 bytes"),
    ];
    for (token, reason) in told {
        let message = refusal(&authenticator, &token).await;
        assert!(message.contains(reason), "{message}, not {reason}");
    }
}

#[tokio::test]
async fn a_token_cannot_choose_how_it_is_verified() {
    let house = House::new();
    let authenticator = Authenticator::new(&house.settings).await.unwrap();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());

    for alg in ["none", "None", ""] {
        let header = encode(&json!({ "alg": alg, "typ": "JWT", "kid": house.kid() }));
        let unsigned = format!("{header}.{}.", encode(&house.body()));
        assert!(refusal(&authenticator, &unsigned).await.contains("not signed with RS256"));
    }
    // The public key is known to everyone: as an HMAC secret it would let everyone sign.
    let public = fs::read(house.folder.0.join("jwks.json")).unwrap();
    let header = Header { kid: Some(house.kid()), ..Header::new(Algorithm::HS256) };
    let confused = jsonwebtoken::encode(&header, &house.body(), &EncodingKey::from_secret(&public)).unwrap();
    assert!(refusal(&authenticator, &confused).await.contains("not signed with RS256"));

    let critical = encode(&json!({ "alg": "RS256", "kid": house.kid(), "crit": ["b64"] }));
    let critical = format!("{critical}.{}.AAAA", encode(&house.body()));
    assert!(refusal(&authenticator, &critical).await.contains("crit"));

    // Another's signature under the real key's id, and real claims changed after signing.
    let stranger = House::new();
    let foreign = stranger.signed(&house.body(), |header| header.kid = Some(house.kid()));
    assert!(refusal(&authenticator, &foreign).await.contains("signature does not fit"));
    let token = house.token();
    let parts: Vec<&str> = token.split('.').collect();
    let mut raised = house.body();
    raised["permissions"] = json!(["*"]);
    let raised = format!("{}.{}.{}", parts[0], encode(&raised), parts[2]);
    assert!(refusal(&authenticator, &raised).await.contains("signature does not fit"));
    // A token that was believed once does not lend its belief to a longer one.
    authenticator.verify(&token).await.unwrap();
    assert!(authenticator.verify(&format!("{token}A")).await.is_err());
}
