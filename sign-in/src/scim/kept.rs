//! What SCIM knows beside the book: what the directory calls something, and what it has deleted. An external id may be personal, so it
//! is sealed, and found by a keyed hash.

use daybook_kernel::{Tenant, Time};
use serde_json::Value as Json;
use sqlx::{Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::{
    sql,
    store::{Fault, Store},
};

/// What is looked for in a list.
#[derive(Debug, Clone, Default)]
pub struct Sought {
    /// This one.
    pub id: Option<Uuid>,
    /// Of this name: the blind index of an address, or the name of a group in lower case.
    pub name: Option<String>,
    /// Of this external id.
    pub external_id: Option<String>,
}

/// A row of the views, with what SCIM knows beside it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub id: Uuid,
    /// The document; personal data sealed.
    pub doc: Json,
    /// What the directory calls it.
    pub external_id: Option<String>,
    /// When it began.
    pub created: String,
    /// When it was changed last.
    pub changed: String,
}

/// The statements of a kind of resource.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name among external ids.
    pub name: &'static str,
    /// A page of it.
    pub page: &'static str,
    /// How many there are.
    pub count: &'static str,
}

/// Users.
pub const USERS: Kind = Kind { name: "user", page: sql::SCIM_USERS, count: sql::SCIM_USERS_COUNT };

/// Groups.
pub const GROUPS: Kind = Kind { name: "group", page: sql::SCIM_GROUPS, count: sql::SCIM_GROUPS_COUNT };

impl Store {
    fn external_mark(&self, tenant: Tenant, kind: Kind, external_id: &str) -> Vec<u8> {
        self.safe().mark(&[tenant.as_bytes(), b"external", kind.name.as_bytes(), external_id.as_bytes()]).to_vec()
    }

    /// A page of a list, and how many there are in all.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn resources(
        &self,
        tenant: Tenant,
        kind: Kind,
        sought: &Sought,
        (start, count): (i64, i64),
    ) -> Result<(i64, Vec<Found>), Fault> {
        let mark = sought.external_id.as_deref().map(|external_id| self.external_mark(tenant, kind, external_id));
        let total = sqlx::query(kind.count).bind(tenant).bind(sought.id).bind(&sought.name).bind(&mark);
        let total = total.fetch_one(self.pool()).await?.try_get("total")?;
        let page = sqlx::query(kind.page).bind(tenant).bind(sought.id).bind(&sought.name).bind(&mark);
        let rows = page.bind(count).bind(start - 1).fetch_all(self.pool()).await?;
        let found = rows.into_iter().map(|row| self.found(row)).collect::<Result<_, _>>()?;
        Ok((total, found))
    }

    fn found(&self, row: PgRow) -> Result<Found, Fault> {
        let id: Uuid = row.try_get("id")?;
        let sealed: Option<Vec<u8>> = row.try_get("sealed")?;
        let opened = sealed.map(|sealed| self.safe().open(&name(id), &sealed).ok_or(Fault::Unopenable)).transpose()?;
        let external_id = opened.map(|text| String::from_utf8(text).map_err(|_| Fault::Unopenable)).transpose()?;
        let time = |column: &str| -> Result<String, Fault> { Ok(Time(row.try_get(column)?).to_string()) };
        let (created, changed) = (time("created_at")?, time("updated_at")?);
        Ok(Found { id, doc: row.try_get("doc")?, external_id, created, changed })
    }

    /// Keeps what the directory calls something; nothing, where it calls it nothing.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn call_external(
        &self,
        tenant: Tenant,
        kind: Kind,
        id: Uuid,
        external_id: Option<&str>,
    ) -> Result<(), Fault> {
        let mark = external_id.map(|external_id| self.external_mark(tenant, kind, external_id));
        let sealed = external_id.map(|external_id| self.safe().seal(&name(id), external_id.as_bytes()));
        let query = sqlx::query(sql::SET_EXTERNAL).bind(tenant).bind(id).bind(kind.name).bind(mark).bind(sealed);
        query.execute(self.pool()).await?;
        Ok(())
    }

    /// Notes that the directory has deleted something: it is shown no more.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn delete_external(&self, tenant: Tenant, kind: Kind, id: Uuid) -> Result<(), Fault> {
        let query = sqlx::query(sql::DELETE_EXTERNAL).bind(tenant).bind(id).bind(kind.name);
        query.execute(self.pool()).await?;
        Ok(())
    }
}

fn name(id: Uuid) -> String {
    format!("external/{id}")
}
