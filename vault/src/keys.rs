//! The vault as a service sees it: a key to seal with, a ring to open with, each kept in memory for a short while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{SHA256, digest};
use daybook_kernel::Tenant;
use daybook_platform::sections;
use daybook_schemas::sealing::{DataKey, Held, Ring, Sealer, SealingError};
use quick_cache::sync::Cache;
use sqlx::PgPool;
use thiserror::Error;
use uuid::Uuid;

use crate::{FolderKeys, KekError, KeyEncryption, clerk::Clerk, store::Name};

/// How often a subject's aggregate may be erased and written about again.
const SUCCESSORS: usize = 16;

/// How keys are kept in memory.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a key is used without being looked up again: so long at most is one used that was destroyed.
    pub lifetime: Duration,
    /// How many are kept at most.
    pub capacity: usize,
}

/// Why there is no key. Nothing was sealed, nothing was opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VaultError {
    /// Postgres does not answer.
    #[error("the vault is away: {0}")]
    Away(String),
    /// A key-encryption key is missing, or a row was altered.
    #[error("the vault is locked: {0}")]
    Locked(#[from] KekError),
    /// The settings do not say how the vault is reached.
    #[error("{0}")]
    Settings(String),
}

impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> Self {
        VaultError::Away(error.to_string())
    }
}

impl From<SealingError> for VaultError {
    fn from(error: SealingError) -> Self {
        VaultError::Settings(error.to_string())
    }
}

/// Gives keys to seal and to open with. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Parts>);

struct Parts {
    sealer: Sealer,
    managed: Option<Managed>,
}

struct Managed {
    pool: PgPool,
    clerk: Clerk,
    cache: Cache<Name, (Held, Instant)>,
    lifetime: Duration,
}

impl Vault {
    /// The vault that the settings name. Must be called in a tokio runtime; Postgres is not waited for.
    ///
    /// # Errors
    /// What the settings lack.
    pub fn of_settings(
        sealing: &sections::Sealing,
        vault: &sections::Vault,
        postgres: &sections::Postgres,
    ) -> Result<Self, VaultError> {
        let key = sealing.key.as_ref().ok_or_else(|| {
            VaultError::Settings("sealing.key is required: name its file in DAYBOOK_SEALING_KEY_FILE".to_owned())
        })?;
        let folder = vault.keys.as_ref().ok_or_else(|| {
            VaultError::Settings("vault.keys is required: the folder of the key-encryption keys".to_owned())
        })?;
        let pool = crate::pool(postgres).map_err(|error| VaultError::Settings(format!("postgres.url: {error}")))?;
        let kek = Arc::new(FolderKeys::open(folder)?);
        let options = Options { lifetime: Duration::from_secs(vault.cache_s.max(1)), capacity: vault.cached };
        Ok(Self::open(Sealer::from_hex(key.expose())?, pool, kek, options))
    }

    /// The vault in that database, whose keys these key-encryption keys wrap.
    pub fn open(sealer: Sealer, pool: PgPool, kek: Arc<dyn KeyEncryption>, options: Options) -> Self {
        let Options { lifetime, capacity } = options;
        let clerk = Clerk::start(pool.clone(), kek);
        let managed = Managed { pool, clerk, cache: Cache::new(capacity), lifetime };
        Self(Arc::new(Parts { sealer, managed: Some(managed) }))
    }

    /// No vault: every key is derived, as before there was one. For tests of what does not depend on whose a key is.
    pub fn derived(sealer: Sealer) -> Self {
        Self(Arc::new(Parts { sealer, managed: None }))
    }

    /// Makes the tables where they are not there, and lets that role read them.
    ///
    /// # Errors
    /// Postgres is away, or does not let this role make them.
    pub async fn prepare(&self, reader: &str) -> Result<(), VaultError> {
        match self.pool() {
            Some(pool) => Ok(crate::prepare(pool, reader).await?),
            None => Ok(()),
        }
    }

    /// Where the rows lie; nowhere, where every key is derived.
    pub fn pool(&self) -> Option<&PgPool> {
        self.0.managed.as_ref().map(|managed| &managed.pool)
    }

    /// The installation's secret, by which requests, cursors and blind indexes are hashed.
    pub fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    /// The key under which an aggregate's personal data is sealed from now on: made where there is none, and where it was destroyed,
    /// the one after it.
    ///
    /// # Errors
    /// It cannot be had now.
    pub async fn key_to_seal(&self, tenant: Tenant, aggregate: Uuid) -> Result<Arc<DataKey>, VaultError> {
        let Some(managed) = &self.0.managed else {
            return Ok(Arc::new(self.0.sealer.derived(tenant, aggregate)));
        };
        let mut name = (tenant, aggregate);
        for _ in 0..SUCCESSORS {
            let held = match managed.cached(&name) {
                Some(held) => held,
                None => {
                    let mut found = managed.fetch(vec![name], true).await?;
                    found.pop().map(|(_, held)| held).ok_or_else(|| VaultError::Away("no key was made".to_owned()))?
                }
            };
            match held {
                Held::Key(key) => return Ok(key),
                Held::Destroyed => name.1 = successor(name.1),
            }
        }
        Err(VaultError::Away(format!("every key of {aggregate} was destroyed")))
    }

    /// The keys of these names, as far as they are there.
    ///
    /// # Errors
    /// The vault cannot say now.
    pub async fn ring(&self, wanted: impl IntoIterator<Item = Name>) -> Result<Ring, VaultError> {
        let mut ring = self.0.sealer.ring();
        let Some(managed) = &self.0.managed else { return Ok(ring) };
        let mut missing = Vec::new();
        for name in wanted {
            match managed.cached(&name) {
                Some(held) => ring.put(name.0, name.1, held),
                None => missing.push(name),
            }
        }
        if !missing.is_empty() {
            for (name, held) in managed.fetch(missing, false).await? {
                ring.put(name.0, name.1, held);
            }
        }
        Ok(ring)
    }

    /// How long a process may go on using a key that was destroyed.
    pub fn lifetime(&self) -> Duration {
        self.0.managed.as_ref().map_or(Duration::ZERO, |managed| managed.lifetime)
    }

    /// Looks a key up again when it is next needed.
    pub fn forget(&self, tenant: Tenant, id: Uuid) {
        if let Some(managed) = &self.0.managed {
            managed.cache.remove(&(tenant, id));
        }
    }
}

impl Managed {
    fn cached(&self, name: &Name) -> Option<Held> {
        let (held, until) = self.cache.get(name)?;
        (Instant::now() < until).then_some(held)
    }

    /// What the clerk finds, remembered. What is not there is not: it may be made by somebody else at any time.
    async fn fetch(&self, names: Vec<Name>, make: bool) -> Result<Vec<(Name, Held)>, VaultError> {
        // From before the look: what is destroyed meanwhile is not used longer for it.
        let until = Instant::now() + self.lifetime;
        metrics::counter!("daybook_vault_lookups_total").increment(names.len() as u64);
        let found = self.clerk.ask(names, make).await?;
        for (name, held) in &found {
            self.cache.insert(*name, (held.clone(), until));
        }
        Ok(found.into_iter().collect())
    }
}

/// The id of the key after one that was destroyed: what is written about an aggregate whose subject was erased is sealed with it, and
/// was never the subject's.
fn successor(id: Uuid) -> Uuid {
    let hash = digest(&SHA256, &[b"daybook vault successor v1".as_slice(), id.as_bytes()].concat());
    let bytes = std::array::from_fn(|place| hash.as_ref()[place]);
    uuid::Builder::from_bytes(bytes)
        .with_variant(uuid::Variant::RFC4122)
        .with_version(uuid::Version::Custom)
        .into_uuid()
}
