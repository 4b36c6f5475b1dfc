//! The keys that tokens are signed with (RS256), and their public halves (RFC 7517).
//!
//! A next key is made when the present one is due. It is published before it signs, so that every service has read it by
//! then; the one before stays published until its last token has run out.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use daybook_platform::{
    auth::Claims,
    issuer::{self, Issuer},
    sections::Auth,
};
use serde_json::{Value as Json, json};
use sqlx::Row as _;
use tokio::sync::RwLock;

use crate::{
    settings::SignIn,
    sql,
    store::{Fault, Store},
};

/// How long an access token holds: 15 minutes.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How long a key is still published after another signs: as long as its last token, and a while for clocks.
pub const KEPT: Duration = Duration::from_secs(20 * 60);

struct Key {
    kid: String,
    /// In seconds since 1970.
    signs_from: f64,
    issuer: Issuer,
    public: Json,
}

/// The keys as last read. Clones share them.
#[derive(Clone)]
pub struct Keys {
    store: Arc<Store>,
    auth: Auth,
    days: u32,
    notice: u32,
    /// The newest first.
    known: Arc<RwLock<Vec<Key>>>,
}

impl Keys {
    /// Keys that are not read yet.
    pub fn new(store: Arc<Store>, auth: &Auth, settings: &SignIn) -> Self {
        let (days, notice) = (settings.key_days.max(1), settings.key_notice_s);
        Self { store, auth: auth.clone(), days, notice, known: Arc::default() }
    }

    /// Reads the keys, and makes the first or the next one where it is due.
    ///
    /// # Errors
    /// When Postgres is away, or a key cannot be opened.
    pub async fn renew(&self) -> Result<(), Fault> {
        let (mut keys, is_due) = self.read().await?;
        if is_due {
            keys = self.make().await?;
        }
        *self.known.write().await = keys;
        Ok(())
    }

    /// The public keys.
    pub async fn published(&self) -> Json {
        let keys: Vec<Json> = self.known.read().await.iter().map(|key| key.public.clone()).collect();
        json!({ "keys": keys })
    }

    /// Signs a token that holds for `lifetime`.
    ///
    /// # Errors
    /// When there is no key.
    pub async fn sign(&self, claims: Claims, lifetime: Duration) -> Result<String, Fault> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let known = self.known.read().await;
        // The clocks of Postgres and of this process may differ: the oldest signs rather than none.
        let key = known.iter().find(|key| key.signs_from <= now).or(known.last());
        let key = key.ok_or_else(|| Fault::Key("there is none yet".to_owned()))?;
        key.issuer.mint(claims, lifetime).map_err(|error| Fault::Key(format!("{}: {error}", key.kid)))
    }

    /// The keys that are there, and whether there is to be a next one.
    async fn read(&self) -> Result<(Vec<Key>, bool), Fault> {
        let mut keys = Vec::new();
        let mut is_due = true;
        for row in sqlx::query(sql::SIGNING_KEYS).fetch_all(self.store.pool()).await? {
            let (kid, sealed): (String, Vec<u8>) = (row.try_get("kid")?, row.try_get("sealed")?);
            if keys.is_empty() {
                is_due = row.try_get("is_due")?;
            }
            let pem = self.store.safe().open(&name(&kid), &sealed).ok_or(Fault::Unopenable)?;
            let pem = String::from_utf8(pem).map_err(|_| Fault::Unopenable)?;
            let issuer = Issuer::with_key(&pem, &self.auth.sign_in_issuer, &self.auth.audience).map_err(Fault::Key)?;
            keys.push(Key { signs_from: row.try_get("signs_from")?, public: row.try_get("public")?, issuer, kid });
        }
        Ok((keys, is_due))
    }

    /// Makes the next key, unless another instance has.
    async fn make(&self) -> Result<Vec<Key>, Fault> {
        let (pem, public) = tokio::task::spawn_blocking(issuer::fresh_key)
            .await
            .map_err(|error| Fault::Key(error.to_string()))?
            .map_err(Fault::Key)?;
        let kid = public.common.key_id.clone().unwrap_or_default();
        let mut transaction = self.store.pool().begin().await?;
        sqlx::query(sql::LOCK).execute(&mut *transaction).await?;
        let (keys, is_due) = self.read().await?;
        if !is_due {
            return Ok(keys);
        }
        let notice = if keys.is_empty() { 0 } else { self.notice };
        sqlx::query(sql::ADD_SIGNING_KEY)
            .bind(&kid)
            .bind(self.store.safe().seal(&name(&kid), pem.as_bytes()))
            .bind(serde_json::to_value(&public).unwrap_or_default())
            .bind(f64::from(notice))
            .bind(f64::from(self.days) * 86_400.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        tracing::info!(kid, notice_s = notice, "a signing key was made");
        Ok(self.read().await?.0)
    }
}

fn name(kid: &str) -> String {
    format!("signing/{kid}")
}
