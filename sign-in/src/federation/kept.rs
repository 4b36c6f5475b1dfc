//! The rows of federation.

use std::time::Duration;

use daybook_kernel::Tenant;
use sqlx::Row as _;
use uuid::Uuid;

use super::{provider::Provider, token::Logout};
use crate::{
    sql,
    store::{Fault, Shown, Store},
    tokens,
};

impl Store {
    /// The mark under which what a provider calls something of its own is kept. It is of the issuer too: a provider that is
    /// described anew knows nobody.
    fn mark(&self, provider: &Provider, what: &str, name: &str) -> Vec<u8> {
        let parts = [provider.id.as_bytes(), provider.endpoint.as_bytes(), what.as_bytes(), name.as_bytes()];
        self.safe().mark(&parts).to_vec()
    }

    /// Whom the provider knows under that subject.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn linked(&self, provider: &Provider, subject: &str) -> Result<Option<Uuid>, Fault> {
        let query = sqlx::query(sql::LINK).bind(provider.tenant).bind(provider.id);
        let row = query.bind(self.mark(provider, "subject", subject)).fetch_optional(self.pool()).await?;
        Ok(row.map(|row| row.try_get("owner")).transpose()?)
    }

    /// Keeps whom the provider knows under that subject.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn link(&self, provider: &Provider, subject: &str, owner: Uuid) -> Result<(), Fault> {
        let query = sqlx::query(sql::ADD_LINK).bind(provider.tenant).bind(provider.id);
        query.bind(self.mark(provider, "subject", subject)).bind(owner).execute(self.pool()).await?;
        Ok(())
    }

    /// Keeps which of the provider's sessions one of ours began with.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn keep_provider_session(
        &self,
        provider: &Provider,
        (subject, sid): (&str, Option<&str>),
        session: Uuid,
        owner: Uuid,
    ) -> Result<(), Fault> {
        let query = sqlx::query(sql::ADD_PROVIDER_SESSION).bind(session).bind(provider.tenant).bind(provider.id);
        let query = query.bind(self.mark(provider, "subject", subject));
        let query = query.bind(sid.map(|sid| self.mark(provider, "sid", sid))).bind(owner);
        query.execute(self.pool()).await?;
        Ok(())
    }

    /// Our sessions that a logout at the provider is about.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn provider_sessions(&self, provider: &Provider, logout: &Logout) -> Result<Vec<Uuid>, Fault> {
        let subject = logout.subject.as_deref().map(|subject| self.mark(provider, "subject", subject));
        let sid = logout.sid.as_deref().map(|sid| self.mark(provider, "sid", sid));
        let query = sqlx::query(sql::PROVIDER_SESSIONS).bind(provider.tenant).bind(provider.id).bind(subject).bind(sid);
        let rows = query.fetch_all(self.pool()).await?;
        Ok(rows.iter().map(|row| row.try_get("session")).collect::<Result<_, _>>()?)
    }

    /// Notes that a logout token is taken; whether it was not before.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn take_logout(&self, provider: &Provider, id: &str, remembered: Duration) -> Result<bool, Fault> {
        let query =
            sqlx::query(sql::TAKE_LOGOUT).bind(self.mark(provider, "logout", id)).bind(remembered.as_secs_f64());
        Ok(query.execute(self.pool()).await?.rows_affected() == 1)
    }

    /// Gives a logout token free again.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn give_back_logout(&self, provider: &Provider, id: &str) -> Result<(), Fault> {
        sqlx::query(sql::GIVE_BACK_LOGOUT).bind(self.mark(provider, "logout", id)).execute(self.pool()).await?;
        Ok(())
    }

    /// Whether an account that is out of use had the address of that index.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn has_left(&self, tenant: Tenant, index: &str) -> Result<bool, Fault> {
        let query = sqlx::query(sql::LEFT_ADDRESS).bind(tenant).bind(index);
        Ok(query.fetch_optional(self.pool()).await?.is_some())
    }

    /// What a token stands for that somebody shows, and nobody will again.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn taken(&self, token: &str, kinds: &[&str]) -> Result<Option<Shown>, Fault> {
        let query = sqlx::query(sql::TAKE_TOKEN).bind(tokens::hash(token).to_vec()).bind(kinds);
        query.fetch_optional(self.pool()).await?.map(Shown::of).transpose()
    }

    /// Forgets sign-ins that nobody came back with, sessions that have ended, and logout tokens that are too old.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn tidy_federation(&self) -> Result<(), Fault> {
        for statement in [sql::FORGET_FEDERATIONS, sql::FORGET_LOGOUTS, sql::FORGET_PROVIDER_SESSIONS] {
            sqlx::query(statement).execute(self.pool()).await?;
        }
        Ok(())
    }
}
