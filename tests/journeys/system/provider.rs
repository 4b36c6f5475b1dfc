//! An identity provider of the test's own, on this machine: it signs whatever it is told to, right or wrong.

use std::{
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Json as Body, Router,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// A key to sign with (ES256).
pub struct Key {
    pair: EcdsaKeyPair,
    /// Its id.
    pub id: String,
}

impl Key {
    /// A fresh one.
    pub fn fresh(id: &str) -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), id: id.to_owned() }
    }

    fn published(&self) -> Json {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y })
    }

    /// A token with these claims, and whatever its head is to say otherwise.
    pub fn sign(&self, head: Json, claims: &Json) -> String {
        let mut whole = json!({ "alg": "ES256", "typ": "JWT", "kid": self.id });
        head.as_object().unwrap().iter().for_each(|(name, value)| whole[name] = value.clone());
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&whole), part(claims));
        let signature = match whole["alg"] == "none" {
            true => String::new(),
            false => URL_SAFE_NO_PAD.encode(self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()),
        };
        format!("{signed}.{signature}")
    }
}

/// A provider that listens.
#[derive(Clone)]
pub struct Provider {
    /// Its name and address.
    pub issuer: String,
    keys: Arc<Mutex<Vec<Json>>>,
    token: Arc<Mutex<String>>,
}

impl Provider {
    /// Begins to listen, with this key published.
    pub async fn listening(key: &Key) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self { issuer: issuer.clone(), keys: Arc::default(), token: Arc::default() };
        provider.publish(key);
        let document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"),
        });
        let (keys, token) = (provider.keys.clone(), provider.token.clone());
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Body(document)))
            .route("/keys", get(async move || Body(json!({ "keys": *keys.lock().unwrap() }))))
            .route(
                "/token",
                post(async move || {
                    Body(json!({ "token_type": "Bearer", "access_token": "x", "id_token": *token.lock().unwrap() }))
                }),
            );
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    /// Publishes this key alone, beside one to encrypt for and one of a kind that nobody knows.
    pub fn publish(&self, key: &Key) {
        let mut other = Key::fresh(&key.id).published();
        other["use"] = json!("enc");
        *self.keys.lock().unwrap() = vec![other, json!({ "kty": "of tomorrow", "kid": key.id }), key.published()];
    }

    /// Gives this token for the next codes.
    pub fn gives(&self, token: String) {
        *self.token.lock().unwrap() = token;
    }

    /// What an ID token says of Eve, in answer to this nonce.
    pub fn claims(&self, nonce: &str) -> Json {
        json!({
            "iss": self.issuer, "aud": "daybook", "sub": "eve", "iat": now(), "exp": now() + 300, "nonce": nonce, "sid": "s1",
            "email": "eve@works.example", "email_verified": true, "name": "Eve", "roles": ["agents", "offline_access"],
        })
    }

    /// What a logout token says of Eve's session.
    pub fn logout(&self) -> Json {
        json!({
            "iss": self.issuer, "aud": "daybook", "sub": "eve", "sid": "s1", "iat": now(), "exp": now() + 120,
            "jti": Uuid::new_v4(), "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        })
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
