//! An issuer of tokens, and the settings of a service that believes it.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use daybook_platform::Authenticator;
use daybook_platform::auth::Claims;
use daybook_platform::issuer::Issuer;
use daybook_platform::sections::Auth;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stand::Folder;

/// An issuer, and the settings that believe it.
pub struct House {
    pub folder: Folder,
    pub settings: Auth,
    pub issuer: Issuer,
}

impl House {
    pub fn new() -> Self {
        let folder = Folder::new();
        let settings = Auth { jwks: folder.0.join("jwks.json").display().to_string(), ..Auth::default() };
        Issuer::init(&folder.0).unwrap();
        let issuer = Issuer::open(&folder.0, &settings).unwrap();
        Self { folder, settings, issuer }
    }

    pub fn token(&self) -> String {
        self.issuer.mint(claims(), Duration::from_secs(60)).unwrap()
    }

    /// A token with any claims and header, signed with the real key.
    pub fn signed(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let pem = fs::read(self.folder.0.join("key.pem")).unwrap();
        let mut header = Header { kid: Some(self.kid()), ..Header::new(Algorithm::RS256) };
        change(&mut header);
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(&pem).unwrap()).unwrap()
    }

    pub fn kid(&self) -> String {
        let jwks: Value = serde_json::from_slice(&fs::read(self.folder.0.join("jwks.json")).unwrap()).unwrap();
        jwks["keys"][0]["kid"].as_str().unwrap().to_owned()
    }

    pub fn body(&self) -> Value {
        json!({
            "iss": self.settings.issuer, "aud": self.settings.audience, "sub": Uuid::from_u128(7),
            "tenant_id": Uuid::from_u128(9), "exp": now() + 60, "iat": now(), "permissions": ["incident:report"],
        })
    }
}

pub fn claims() -> Claims {
    Claims {
        sub: Uuid::from_u128(7),
        tenant_id: Uuid::from_u128(9).to_string(),
        roles: vec!["agent".into()],
        permissions: vec!["incident:report".into(), "cmdb:*".into()],
        jti: None,
        sid: None,
        client_id: None,
        amr: Vec::new(),
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub async fn refusal(authenticator: &Authenticator, token: &str) -> String {
    let error = authenticator.verify(token).await.expect_err(token);
    assert_eq!((error.status.as_u16(), error.code.as_ref()), (401, "UNAUTHENTICATED"));
    let (name, challenge) = &error.headers[0];
    assert_eq!(name, "www-authenticate");
    assert!(challenge.to_str().unwrap().starts_with("Bearer realm=\"daybook\", error=\"invalid_token\""));
    error.message
}
