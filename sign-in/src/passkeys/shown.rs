//! A passkey that somebody shows: a challenge is given, and what a device has signed is taken, once.

use std::time::Duration;

use daybook_kernel::Tenant;
use daybook_platform::ApiError;
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    Flaw, Passkey,
    party::{Assertion, PATIENCE_MS, Registration},
};
use crate::{
    app::App,
    people::Person,
    refusals::{self, security},
    store::Given,
    tokens,
};

/// What a challenge to make a passkey is kept as.
const CREATE: &str = "enrol";

/// What a challenge to sign with one is kept as.
const GET: &str = "passkey";

/// How long a challenge serves, once.
const PATIENCE: Duration = Duration::from_millis(PATIENCE_MS);

impl App {
    /// What a device is asked to make a passkey for somebody with, and the id under which the book will know it.
    ///
    /// # Errors
    /// When it cannot be kept, or the person's address cannot be opened.
    pub async fn passkey_to_make(&self, tenant: Tenant, person: &Person) -> Result<(Json, Uuid), ApiError> {
        let (challenge, address) = (tokens::challenge(), self.address(tenant, person).await?);
        let given = Given { kind: CREATE, tenant, owner: person.id, lifetime: Some(PATIENCE), ..Given::default() };
        let id = self.store.give(&challenge, given).await?;
        Ok((self.party.creation(&challenge, person.id, &address), id))
    }

    /// Keeps the passkey that a device has made for somebody, under the id that the book has for it.
    ///
    /// # Errors
    /// 422 saying what is wrong with it.
    pub async fn passkey_made(
        &self,
        tenant: Tenant,
        owner: Uuid,
        id: Uuid,
        said: &Registration,
    ) -> Result<(), ApiError> {
        let (new, challenge) = self.party.made(said).map_err(refusals::wrong_passkey)?;
        let asked = self.store.taken(&challenge, &[CREATE]).await?;
        if asked.is_none_or(|asked| (asked.tenant, asked.owner, asked.id) != (tenant, owner, id)) {
            return Err(refusals::wrong_passkey(Flaw::Ceremony));
        }
        match self.store.keep_passkey(id, tenant, owner, &new).await? {
            true => Ok(()),
            false => Err(refusals::passkey_taken()),
        }
    }

    /// What a device is asked to sign with a passkey of ours, whosever it is.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn passkey_to_show(&self) -> Result<Json, ApiError> {
        let challenge = tokens::challenge();
        self.store.give(&challenge, Given { kind: GET, lifetime: Some(PATIENCE), ..Given::default() }).await?;
        Ok(self.party.request(&challenge))
    }

    /// The passkey that has signed a challenge of ours, which serves once.
    ///
    /// # Errors
    /// 401 where it has not; the reason is in the log.
    pub async fn passkey_shown(&self, said: &Assertion) -> Result<Passkey, ApiError> {
        let Some(passkey) = self.store.passkey(&said.id.0).await? else { return Err(refusals::invalid_passkey()) };
        let refused = |flaw: Flaw| {
            let event = if flaw == Flaw::Copied { "passkey.copied" } else { "passkey.refused" };
            security(event, passkey.tenant, Some(passkey.owner));
            tracing::warn!(reason = %flaw, tenant = %passkey.tenant, user = %passkey.owner, "a passkey is refused");
            refusals::invalid_passkey()
        };
        let (challenge, count) = self.party.signed(said, &passkey).map_err(refused)?;
        if self.store.taken(&challenge, &[GET]).await?.is_none() {
            return Err(refused(Flaw::Ceremony));
        }
        match self.store.count_passkey(passkey.id, count).await? {
            true => Ok(passkey),
            false => Err(refused(Flaw::Copied)),
        }
    }
}
