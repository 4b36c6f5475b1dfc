//! The standings of those who ask, from the views of the identity book.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_authority::{Policy, Standing, standing};
use daybook_facts as facts;
use daybook_kernel::{Referable, Tenant, json};
use quick_cache::sync::Cache;
use serde_json::Value as Json;
use sqlx::{Row as _, types};
use uuid::Uuid;

use crate::stores::postgres::{Postgres, Reading};
use crate::stores::{Fault, Store};

/// How long a standing is believed. With the time that a projector needs it stays below five seconds until what was taken away
/// is gone everywhere.
pub const FRESH: Duration = Duration::from_secs(2);

/// Standings that are kept in memory.
const CACHED: usize = 8_192;

/// A user.
pub const USER: &str = "SELECT id, doc FROM identity.users WHERE tenant = $1 AND id = $2";

/// The groups that somebody is in, and those around them.
pub const GROUPS: &str = "
WITH RECURSIVE around AS (
    SELECT g.id, g.doc, 1 AS depth FROM identity.groups g WHERE g.tenant = $1 AND g.doc->'members' ? $2::text
    UNION
    SELECT g.id, g.doc, a.depth + 1 FROM identity.groups g JOIN around a ON g.id = (a.doc->>'parent')::uuid
    WHERE g.tenant = $1 AND a.depth < 8
)
SELECT DISTINCT ON (id) id, doc FROM around ORDER BY id";

/// Roles of the tenant's own.
pub const ROLES: &str = "SELECT id, doc FROM identity.roles WHERE tenant = $1 AND id = ANY($2)";

/// The policies in force.
pub const POLICIES: &str = "SELECT id, doc FROM identity.access_policies WHERE tenant = $1 AND status = 'active'";

/// What was found of somebody, and when; none of who is not in the book.
type Found = (Instant, Option<Arc<Standing>>);

/// The standings that were looked up of late.
pub struct Standings(Cache<(Tenant, Uuid), Found>);

impl Default for Standings {
    fn default() -> Self {
        Self(Cache::new(CACHED))
    }
}

impl Standings {
    /// The standing of a user of that tenant, if there is one in its book; looked up `anew` where something is known to have
    /// changed.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn of(
        &self,
        postgres: &Postgres,
        tenant: Tenant,
        user: Uuid,
        anew: bool,
    ) -> Result<Option<Arc<Standing>>, Fault> {
        if let Some((when, found)) = self.0.get(&(tenant, user)).filter(|_| !anew)
            && when.elapsed() < FRESH
        {
            return Ok(found);
        }
        let looked = Instant::now();
        let found = look_up(postgres, tenant, user).await?.map(Arc::new);
        self.0.insert((tenant, user), (looked, found.clone()));
        Ok(found)
    }
}

/// What the views say of a user.
async fn look_up(postgres: &Postgres, tenant: Tenant, user: Uuid) -> Result<Option<Standing>, Fault> {
    let mut reading = postgres.reading(tenant, None).await?;
    let query = sqlx::query(USER).bind(tenant).bind(user);
    let Some((_, fact)) = facts_of::<facts::User>(&mut reading, query).await?.pop() else { return Ok(None) };
    let query = sqlx::query(GROUPS).bind(tenant).bind(user.to_string());
    let groups: HashMap<Uuid, Arc<facts::Group>> = facts_of(&mut reading, query).await?.into_iter().collect();
    let of_groups = groups.values().flat_map(|group| group.roles.iter().copied());
    let wanted: Vec<Uuid> = fact.roles.iter().map(|held| held.role).chain(of_groups).map(|role| role.id()).collect();
    let query = sqlx::query(ROLES).bind(tenant).bind(wanted);
    let roles = facts_of::<facts::Role>(&mut reading, query).await?.into_iter().collect();
    let policies = facts_of::<facts::AccessPolicy>(&mut reading, sqlx::query(POLICIES).bind(tenant)).await?;
    let policies = standing::in_force(policies.iter().map(|(id, policy)| (*id, &**policy)));
    Ok(Some(Standing::gather(user, &fact, &Views { groups, roles, policies })))
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// What aggregates let others know, from the rows of a view: the same as in the command API, by the same declaration.
async fn facts_of<F: Referable + Any + Send + Sync>(
    reading: &mut Reading,
    query: Query<'_>,
) -> Result<Vec<(Uuid, Arc<F>)>, Fault> {
    let kind = daybook_contents::kind(F::TYPE).expect("the contents hold what facts are about");
    let rows = query.fetch_all(&mut **reading).await?;
    let fact = |row: &sqlx::postgres::PgRow| -> Result<(Uuid, Arc<F>), Fault> {
        let id: Uuid = row.try_get("id")?;
        let types::Json(document): types::Json<Json> = row.try_get("doc")?;
        let unreadable = |why: String| Fault::unreadable(Store::Postgres, format!("{} {id}: {why}", F::TYPE));
        let datum = json::restore(kind.meta().shape, &document).map_err(|errors| unreadable(format!("{errors:?}")))?;
        let state = kind.from_datum(datum).map_err(|error| unreadable(error.to_string()))?;
        let fact = kind.fact(&state).and_then(|published| published.fact.downcast().ok());
        Ok((id, fact.ok_or_else(|| unreadable("it lets others know nothing".to_owned()))?))
    };
    rows.iter().map(fact).collect()
}

/// What was read of a tenant's identity book.
struct Views {
    groups: HashMap<Uuid, Arc<facts::Group>>,
    roles: HashMap<Uuid, Arc<facts::Role>>,
    policies: Arc<[Policy]>,
}

impl standing::Known for Views {
    fn groups_of(&self, _: Uuid) -> Vec<Uuid> {
        self.groups.keys().copied().collect()
    }

    fn group(&self, id: Uuid) -> Option<Arc<facts::Group>> {
        self.groups.get(&id).cloned()
    }

    fn role(&self, id: Uuid) -> Option<Arc<facts::Role>> {
        self.roles.get(&id).cloned()
    }

    fn policies(&self) -> Arc<[Policy]> {
        self.policies.clone()
    }
}
