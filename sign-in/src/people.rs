//! People as the views of identity show them: who has an address, how they show who they are, what they may do.

use std::collections::{BTreeSet, HashMap};

use daybook_contents::permissions::built_in;
use daybook_kernel::{PLATFORM, Tenant, Time};
use daybook_schemas::{blind, sealing::Sealer};
use serde_json::Value as Json;
use sqlx::{Row as _, postgres::PgRow};
use uuid::Uuid;

use crate::{
    sql,
    store::{Fault, Store, id_in},
};

/// Groups stand within each other at most so deep.
const DEEPEST: usize = 8;

/// An organisation, as far as sign-in looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Organization {
    /// Its id: the tenant.
    pub tenant: Tenant,
    /// Whether it wants second factors.
    pub mfa_required: bool,
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's id.
    pub id: Uuid,
    /// The user, personal data sealed.
    pub user: Json,
    /// How the person shows who it is; none without a password.
    pub credential: Option<Json>,
}

impl Person {
    /// The ids of the last passwords, the present one at the end.
    pub fn passwords(&self) -> Vec<Uuid> {
        let ids = self.credential.as_ref().and_then(|credential| credential["passwords"].as_array());
        ids.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
    }

    /// The id of the seed of the second factor, where there is one of codes.
    pub fn totp(&self) -> Option<Uuid> {
        self.factor("factor", "totp")
    }

    /// The id of the passkey that is the second factor, where one is.
    pub fn passkey(&self) -> Option<Uuid> {
        self.factor("factor", "webauthn")
    }

    /// The id of a seed that is being set up.
    pub fn enrolling_totp(&self) -> Option<Uuid> {
        self.factor("enrolling", "totp")
    }

    /// The id of a passkey that is being set up.
    pub fn enrolling_passkey(&self) -> Option<Uuid> {
        self.factor("enrolling", "webauthn")
    }

    /// Whether there is a second factor.
    pub fn has_factor(&self) -> bool {
        self.credential.as_ref().is_some_and(|credential| credential["factor"].is_object())
    }

    /// Where the account stands.
    pub fn status(&self) -> &str {
        self.user["status"].as_str().unwrap_or_default()
    }

    fn factor(&self, which: &str, method: &str) -> Option<Uuid> {
        let factor = &self.credential.as_ref()?[which];
        (factor["method"] == method).then(|| id_in(factor, "secret"))?
    }
}

/// What somebody may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The roles, by their names.
    pub roles: Vec<String>,
    /// What they allow.
    pub permissions: BTreeSet<String>,
}

impl Store {
    /// The organisation of that slug or id; the platform under its reserved name.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn organization(&self, named: &str) -> Result<Option<Organization>, Fault> {
        if named == "platform" {
            return Ok(Some(Organization { tenant: PLATFORM, mfa_required: false }));
        }
        // Nothing else is a slug or an id, nor could Postgres be asked for all of it.
        if !named.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Ok(None);
        }
        let row = sqlx::query(sql::ORGANIZATION).bind(named).fetch_optional(self.pool()).await?;
        let read = |row: PgRow| -> Result<Organization, Fault> {
            Ok(Organization { tenant: row.try_get("id")?, mfa_required: row.try_get("mfa_required")? })
        };
        row.map(read).transpose()
    }

    /// The organisation of a tenant.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn organization_of(&self, tenant: Tenant) -> Result<Option<Organization>, Fault> {
        match tenant {
            PLATFORM => self.organization("platform").await,
            tenant => self.organization(&tenant.to_string()).await,
        }
    }

    /// Who has that address.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn with_address(&self, sealer: &Sealer, tenant: Tenant, email: &str) -> Result<Option<Person>, Fault> {
        let index = blind::of(sealer, tenant, "email", email);
        let row = sqlx::query(sql::USER_BY_ADDRESS).bind(tenant).bind(index).fetch_optional(self.pool()).await?;
        row.map(person).transpose()
    }

    /// A user.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn person(&self, tenant: Tenant, id: Uuid) -> Result<Option<Person>, Fault> {
        let row = sqlx::query(sql::USER).bind(tenant).bind(id).fetch_optional(self.pool()).await?;
        row.map(person).transpose()
    }

    /// What somebody may do now: by roles held, and by those of the groups the person is in, near or far.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn held(&self, tenant: Tenant, person: &Person) -> Result<Held, Fault> {
        let holdings = person.user["roles"].as_array();
        let now = jiff::Timestamp::now().as_microsecond();
        let holds = |holding: &&Json| match holding["expires_at"].as_str().and_then(Time::parse) {
            Some(until) => now < until.0,
            None => true,
        };
        let own = holdings.into_iter().flatten().filter(holds).filter_map(|holding| id_in(holding, "role"));
        let mut roles: BTreeSet<Uuid> = own.collect();
        roles.extend(self.roles_of_groups(tenant, person.id).await?);

        let mut held = Held::default();
        let mut ours = Vec::new();
        for role in roles {
            match built_in::built_in(role) {
                Some(known) => {
                    held.roles.push(known.name.to_owned());
                    held.permissions.extend(known.permissions().map(str::to_owned));
                }
                None => ours.push(role),
            }
        }
        if !ours.is_empty() {
            for row in sqlx::query(sql::ROLES).bind(tenant).bind(ours).fetch_all(self.pool()).await? {
                let doc: Json = row.try_get("doc")?;
                held.roles.extend(doc["name"].as_str().map(str::to_owned));
                let permissions = doc["permissions"].as_array();
                held.permissions
                    .extend(permissions.into_iter().flatten().filter_map(|it| Some(it.as_str()?.to_owned())));
            }
        }
        Ok(held)
    }

    /// The ways in which the person showed who it is when that session began (RFC 8176); none where the view does not have it.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn ways(&self, tenant: Tenant, session: Uuid) -> Result<Option<Vec<String>>, Fault> {
        let row = sqlx::query(sql::SESSION).bind(tenant).bind(session).fetch_optional(self.pool()).await?;
        let Some(row) = row else { return Ok(None) };
        let doc: Json = row.try_get("doc")?;
        let ways = doc["amr"].as_array().into_iter().flatten();
        Ok(Some(ways.filter_map(|way| way.as_str().map(str::to_owned)).collect()))
    }

    async fn roles_of_groups(&self, tenant: Tenant, user: Uuid) -> Result<BTreeSet<Uuid>, Fault> {
        let rows = sqlx::query(sql::GROUPS).bind(tenant).fetch_all(self.pool()).await?;
        let groups: HashMap<Uuid, Json> =
            rows.into_iter().map(|row| Ok((row.try_get("id")?, row.try_get("doc")?))).collect::<Result<_, Fault>>()?;
        let named = |doc: &Json, field: &str| -> Vec<Uuid> {
            let ids = doc[field].as_array().into_iter().flatten();
            ids.filter_map(|id| id.as_str()?.parse().ok()).collect()
        };
        let mut roles = BTreeSet::new();
        for (id, _) in groups.iter().filter(|(_, doc)| named(doc, "members").contains(&user)) {
            let up = |id: &Uuid| id_in(groups.get(id)?, "parent");
            for group in std::iter::successors(Some(*id), up).take(DEEPEST).filter_map(|id| groups.get(&id)) {
                roles.extend(named(group, "roles"));
            }
        }
        Ok(roles)
    }
}

fn person(row: PgRow) -> Result<Person, Fault> {
    Ok(Person { id: row.try_get("id")?, user: row.try_get("doc")?, credential: row.try_get("credential")? })
}
