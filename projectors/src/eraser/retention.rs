//! Retention: what is over, and has been for longer than its organisation keeps such things, loses its key like somebody who was erased.
//!
//! How long that is, is in the settings of the organisation (`retention_days`, by type); what it does not name is kept for ever. A record
//! stays with its number, times and status. A legal hold on the person it is about keeps it as it is.

use daybook_contents::SUBJECTS;
use daybook_kernel::{Kind, Tenant};
use daybook_vault::erasure::{self, About};
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use uuid::Uuid;

/// How many records lose their keys in one step.
const TOGETHER: i64 = 500;

/// Records of a kind that are due, at most so many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    type_name: &'static str,
    /// The statuses that nothing leads out of.
    over: Vec<&'static str>,
    statement: String,
}

/// What becomes due, of every kind whose records are about somebody, and can be over.
pub fn kinds() -> impl Iterator<Item = Due> {
    daybook_contents::kinds().filter_map(|kind| {
        let meta = kind.meta();
        let about = meta.subject.filter(|_| meta.type_name != SUBJECTS)?;
        let over = over(kind);
        let view = format!("{}.{}", meta.context, meta.plural);
        let statement = format!(
            "SELECT v.tenant, v.id FROM {view} v
             JOIN tenancy.organizations o ON o.id = v.tenant
             JOIN vault.keys k ON k.tenant = v.tenant AND k.id = v.id AND k.destroyed_at IS NULL
             WHERE v.status = ANY($1)
               AND o.doc->'settings'->'retention_days' ? $2
               AND v.updated_at < now() - make_interval(days => (o.doc->'settings'->'retention_days'->>$2)::integer)
               AND NOT EXISTS (
                   SELECT FROM identity.users u WHERE u.tenant = v.tenant AND u.id::text = v.doc->>'{about}'
                   AND jsonb_array_length(u.doc->'holds') > 0)
             LIMIT $3"
        );
        (!over.is_empty()).then_some(Due { type_name: meta.type_name, over, statement })
    })
}

/// The statuses that no command leads out of.
fn over(kind: &dyn Kind) -> Vec<&'static str> {
    let arrows: Vec<_> = (0..kind.commands().len()).map(|command| kind.transition(command)).collect();
    let leads_out = |status: &str| {
        let mut from_here = arrows.iter().filter(|arrow| arrow.from.iter().flatten().any(|from| *from == status));
        from_here.any(|arrow| arrow.to.iter().any(|to| *to != status))
    };
    kind.statuses().iter().copied().filter(|status| !leads_out(status)).collect()
}

/// Destroys the keys of what is due, step by step; how many.
///
/// # Errors
/// Postgres does not answer. What was destroyed until then is.
pub async fn run(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let mut destroyed = 0;
    for Due { type_name, over, statement } in kinds() {
        loop {
            let rows = sqlx::query(AssertSqlSafe(statement.as_str()))
                .bind(&over)
                .bind(type_name)
                .bind(TOGETHER)
                .fetch_all(pool)
                .await?;
            let named = |row: &sqlx::postgres::PgRow| -> Result<About, sqlx::Error> {
                let (tenant, key): (Tenant, Uuid) = (row.try_get("tenant")?, row.try_get("id")?);
                Ok(About { tenant, subject: key, type_name, key })
            };
            let due = rows.iter().map(named).collect::<Result<Vec<_>, _>>()?;
            if due.is_empty() {
                break;
            }
            let mut transaction = pool.begin().await?;
            let now = erasure::retire(&mut transaction, &due).await?;
            transaction.commit().await?;
            tracing::info!(r#type = type_name, keys = now, "what was over for long enough is forgotten");
            destroyed += now;
            if now == 0 {
                break;
            }
        }
    }
    Ok(destroyed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_leads_out_of_is_over() {
        let of = |name: &str| kinds().find(|due| due.type_name == name).unwrap().over;
        assert_eq!(of("incident.Incident"), ["closed", "cancelled"]);
        assert!(kinds().all(|due| due.type_name != SUBJECTS), "an account is erased on purpose");
    }
}
