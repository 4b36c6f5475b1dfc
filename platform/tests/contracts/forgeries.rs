//! Every forgery is a 401 that says what is wrong; a token never has a say in how it is verified.

use std::fs;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use daybook_platform::sections::Auth;
use daybook_platform::{ApiError, Authenticator, Basis, Endings, basis::Asked};
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

/// What sign-in is called here.
const SIGN_IN: &str = "https://sign-in.example";

/// Believes the first house as the development issuer, and the second as sign-in.
fn both(development: &House, sign_in: &House) -> Auth {
    let keys = sign_in.folder.0.join("jwks.json").display().to_string();
    Auth { sign_in_issuer: SIGN_IN.into(), sign_in_jwks: Some(keys), ..development.settings.clone() }
}

#[tokio::test]
async fn each_issuer_is_held_to_its_own_keys() {
    let (development, sign_in) = (House::new(), House::new());
    let settings = both(&development, &sign_in);
    let authenticator = Authenticator::new(&settings).await.unwrap();
    let named = |house: &House, issuer: &str| {
        let mut body = house.body();
        body["iss"] = json!(issuer);
        house.signed(&body, |_| {})
    };
    assert!(authenticator.verify(&named(&development, &settings.issuer)).await.is_ok());
    assert!(authenticator.verify(&named(&sign_in, SIGN_IN)).await.is_ok());
    for (house, issuer) in [(&development, SIGN_IN), (&sign_in, settings.issuer.as_str())] {
        let confused = refusal(&authenticator, &named(house, issuer)).await;
        assert!(confused.contains("key that its issuer does not have"), "{confused}");
    }
    // The same key id under the other name vouches for nothing.
    let kid = sign_in.kid();
    let mut body = development.body();
    body["iss"] = json!(SIGN_IN);
    let confused = development.signed(&body, |header| header.kid = Some(kid.clone()));
    assert!(refusal(&authenticator, &confused).await.contains("signature does not fit"));

    // Where data matters, the development issuer is not believed.
    let alone = Auth { jwks: String::new(), ..settings.clone() };
    let authenticator = Authenticator::new(&alone).await.unwrap();
    assert!(authenticator.verify(&named(&sign_in, SIGN_IN)).await.is_ok());
    let refused = refusal(&authenticator, &named(&development, &settings.issuer)).await;
    assert!(refused.contains("another issuer"), "{refused}");
}

/// One session has ended, of another nothing is known.
struct Known;

const ENDED: Uuid = Uuid::from_u128(0xe);
const UNSURE: Uuid = Uuid::from_u128(0xf);

impl Endings for Known {
    fn has_ended(&self, _: Uuid, basis: Basis) -> Asked<'_> {
        let answer = match basis {
            Basis::Session(UNSURE) => Err(ApiError::unavailable("not known", std::time::Duration::from_secs(1))),
            basis => Ok(basis == Basis::Session(ENDED)),
        };
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn what_has_ended_is_asked_each_time() {
    let house = House::new();
    let asked = async |authenticator: &Authenticator, claim: &str, id: Uuid| {
        let mut body = house.body();
        body[claim] = json!(id);
        let token = format!("Bearer {}", house.signed(&body, |_| {}));
        let headers = [("authorization".parse().unwrap(), token.parse().unwrap())].into_iter().collect();
        authenticator.caller(&headers).await.map_or_else(|error| error.status.as_u16(), |_| 200)
    };
    let authenticator = Authenticator::new(&house.settings).await.unwrap().watching(Arc::new(Known));
    for _ in 0..2 {
        assert_eq!(asked(&authenticator, "sid", Uuid::from_u128(1)).await, 200);
        assert_eq!(asked(&authenticator, "client_id", ENDED).await, 200, "a key is no session");
        assert_eq!(asked(&authenticator, "sid", ENDED).await, 401);
        assert_eq!(asked(&authenticator, "sid", UNSURE).await, 503, "nobody is let in on a guess");
    }
    let nobody_knows = Authenticator::new(&house.settings).await.unwrap();
    assert_eq!(asked(&nobody_knows, "sid", Uuid::from_u128(1)).await, 401);
    assert_eq!(asked(&nobody_knows, "jti", Uuid::from_u128(1)).await, 200, "it stands on nothing");
}
