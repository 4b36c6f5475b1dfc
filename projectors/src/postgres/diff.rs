//! How the next version of a view differs from the live one, row by row, as far as both have come.

use sqlx::{AssertSqlSafe, PgPool, Row};

use super::{Options, error::classify, sql, tables::Tables};
use crate::{sink::SinkError, view::Family};

/// Compares the default views' rows. One statement, so both tables and both checkpoints are of one moment; rows that one
/// version has not read up to yet are left out.
fn statement(live: &str, next: &str) -> String {
    format!(
        "WITH reached AS (
             SELECT m.partition, least(m.number, b.number) AS number
             FROM daybook.checkpoints m JOIN daybook.checkpoints b USING (topic, partition)
             WHERE m.sink = $1 AND b.sink = $2 AND topic = $3
         )
         SELECT count(*) FILTER (WHERE n.id IS NULL) AS only_old,
                count(*) FILTER (WHERE o.id IS NULL) AS only_new,
                count(*) FILTER (WHERE o.version = n.version AND o.doc <> n.doc) AS different
         FROM {live} o FULL JOIN {next} n ON o.tenant = n.tenant AND o.id = n.id
         JOIN reached ON reached.partition = coalesce(o.position_partition, n.position_partition)
             AND coalesce(o.position_number, n.position_number) <= reached.number"
    )
}

/// Counts the differences and reports them with the version.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn report(
    pool: &PgPool,
    options: &Options,
    next_sink: &str,
    family: &Family,
    next: &Tables,
) -> Result<(), SinkError> {
    let versions = sqlx::query(sql::VERSIONS).bind(family.name()).fetch_all(pool).await.map_err(classify)?;
    let mut live = None;
    for version in versions {
        let (state, tables): (String, Vec<String>) =
            (version.try_get("state").map_err(classify)?, version.try_get("tables").map_err(classify)?);
        if state == "live" {
            live = tables.into_iter().next();
        }
    }
    let Some(live) = live else { return Ok(()) };
    let counted = sqlx::query(AssertSqlSafe(statement(&live, &next.main.name)))
        .bind(options.sink)
        .bind(next_sink)
        .bind(options.topic_of(family))
        .fetch_one(pool)
        .await
        .map_err(classify)?;
    let count = |name: &str| counted.try_get::<i64, _>(name).map_err(classify);
    let (old, new, different) = (count("only_old")?, count("only_new")?, count("different")?);
    tracing::info!(
        view = family.name(),
        only_old = old,
        only_new = new,
        different,
        "the next version of a view is compared"
    );
    let version_of = |table: &str| table.rsplit('_').next().unwrap_or_default().to_owned();
    sqlx::query(sql::REPORT_DIFF)
        .bind(family.name())
        .bind(version_of(&next.main.name))
        .bind(old)
        .bind(new)
        .bind(different)
        .execute(pool)
        .await
        .map_err(classify)?;
    Ok(())
}
