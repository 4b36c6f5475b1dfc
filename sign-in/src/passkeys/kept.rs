//! The rows of passkeys.

use daybook_kernel::Tenant;
use sqlx::Row as _;
use uuid::Uuid;

use super::party::New;
use crate::{
    sealed, sql,
    store::{Fault, Store},
};

/// What the key of a passkey is sealed as.
const KIND: &str = "passkey";

/// A passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// The id under which the book knows it.
    pub id: Uuid,
    /// The tenant.
    pub tenant: Tenant,
    /// Whose it is.
    pub owner: Uuid,
    /// Its public key, as COSE has it.
    pub key: Vec<u8>,
    /// Whether it may be in several devices of its owner.
    pub is_synced: bool,
}

impl Store {
    /// The mark under which a passkey is found by the id that its device has given it.
    fn passkey_mark(&self, id: &[u8]) -> Vec<u8> {
        self.safe().mark(&[KIND.as_bytes(), id]).to_vec()
    }

    /// Keeps a passkey under the id by which the book knows it. Whether it was not there: it is somebody's already.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn keep_passkey(&self, id: Uuid, tenant: Tenant, owner: Uuid, new: &New) -> Result<bool, Fault> {
        let query = sqlx::query(sql::ADD_PASSKEY).bind(id).bind(tenant).bind(owner).bind(self.passkey_mark(&new.id));
        let query = query.bind(self.safe().seal(&sealed::name(KIND, id), &new.key)).bind(new.is_synced);
        Ok(query.bind(i64::from(new.count)).execute(self.pool()).await?.rows_affected() == 1)
    }

    /// The passkey to which its device has given that id.
    ///
    /// # Errors
    /// When Postgres is away, or the key is another.
    pub async fn passkey(&self, id: &[u8]) -> Result<Option<Passkey>, Fault> {
        let query = sqlx::query(sql::PASSKEY).bind(self.passkey_mark(id));
        let Some(row) = query.fetch_optional(self.pool()).await? else { return Ok(None) };
        let (id, sealed): (Uuid, Vec<u8>) = (row.try_get("id")?, row.try_get("sealed")?);
        let key = self.safe().open(&sealed::name(KIND, id), &sealed).ok_or(Fault::Unopenable)?;
        let (tenant, owner) = (row.try_get("tenant")?, row.try_get("owner")?);
        Ok(Some(Passkey { id, tenant, owner, key, is_synced: row.try_get("is_synced")? }))
    }

    /// Notes how often a passkey has signed; whether that is more than before, or it does not count at all.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn count_passkey(&self, id: Uuid, count: u32) -> Result<bool, Fault> {
        let query = sqlx::query(sql::COUNT_PASSKEY).bind(id).bind(i64::from(count));
        Ok(query.execute(self.pool()).await?.rows_affected() == 1)
    }

    /// Forgets the passkeys of somebody but this one.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn forget_passkeys(&self, tenant: Tenant, owner: Uuid, but: Option<Uuid>) -> Result<(), Fault> {
        sqlx::query(sql::FORGET_PASSKEYS).bind(tenant).bind(owner).bind(but).execute(self.pool()).await?;
        Ok(())
    }
}
