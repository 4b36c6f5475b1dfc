//! The tables in ClickHouse. Everything is told by events that never change; nothing is counted twice.
//!
//! - Every table has a `tenant` and a `domain`, by which the row policy of query-api's user filters; what belongs to no tenant says
//!   `platform`, the nil UUID. What is of the whole organisation is of the domain `*`; of what says nothing, as rows of releases before
//!   domains do, the domain is not known, and nobody of a domain reads it.
//! - One batch is one insert and one part: no partitions by time, since imported times would split it.
//! - Inserts carry a token. The same token within the window below is the same insert, also in the views that depend on it.

use daybook_contents::IncidentStanding;

/// How many of the last inserts into a table are remembered by their tokens.
const WINDOW: &str = "SETTINGS non_replicated_deduplication_window = 5000";

/// The user that query-api connects as.
pub const READER: &str = "daybook_query";

/// The domain of what is of the whole organisation.
pub const WHOLE: &str = IncidentStanding::WHOLE;

/// How many row policies of the server's configuration bind a user in a database.
pub const POLICIES: &str = "SELECT count() FROM system.row_policies \
    WHERE has(apply_to_list, ?) AND database IN (?, '') AND storage LIKE 'users%'";

/// Makes the row policies where they are made by SQL: first that who asks for this may go on reading, since a table with a
/// policy shows nothing to users without one. The tenant of a query stands in its `log_comment`, and behind it the domain of who
/// asks, where they are of one; a query without it fails.
pub fn policies(database: &str) -> [String; 2] {
    [
        format!("CREATE ROW POLICY OR REPLACE daybook_writer ON {database}.* USING 1 TO CURRENT_USER"),
        format!(
            "CREATE ROW POLICY OR REPLACE daybook_tenant ON {database}.* USING \
             tenant = toUUID(substring(getSetting('log_comment'), 1, 36)) AND \
             (length(getSetting('log_comment')) = 36 OR domain IN ('{WHOLE}', substring(getSetting('log_comment'), 38))) TO {READER}"
        ),
    ]
}

/// Makes the tables, with a prefix before each name: statements in order.
pub fn tables(prefix: &str) -> Vec<String> {
    vec![
        // Which batch is next, announced before any of its rows: where it starts and ends in each partition. Where two
        // instances announce the same number, the first one counts, since the number is the token.
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}batches (
                tenant UUID,
                domain LowCardinality(String),
                sink LowCardinality(String),
                slot UInt8,
                seq UInt64,
                instance UUID,
                topics Array(String),
                partitions Array(Int32),
                befores Array(String),
                afters Array(String),
                at DateTime64(3, 'UTC')
            ) ENGINE = ReplacingMergeTree(seq) ORDER BY (sink, slot) {WINDOW}"
        ),
        // How far all rows are there, for those who wait for a position.
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}checkpoints (
                tenant UUID,
                domain LowCardinality(String),
                sink LowCardinality(String),
                topic LowCardinality(String),
                partition Int32,
                number UInt64,
                updated_at DateTime64(3, 'UTC')
            ) ENGINE = ReplacingMergeTree(number) ORDER BY (sink, topic, partition)"
        ),
        // Books that are not followed; `parked` is 0 where they are followed again.
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}parked (
                tenant UUID,
                domain LowCardinality(String),
                sink LowCardinality(String),
                topic LowCardinality(String),
                partition Int32,
                first_number UInt64,
                reason String,
                parked UInt8,
                at DateTime64(6, 'UTC')
            ) ENGINE = ReplacingMergeTree(at) ORDER BY (sink, topic, partition, tenant)"
        ),
        // Every event. `data` is its body as JSON without personal fields; `at` is when it happened in the business.
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}events (
                tenant UUID,
                domain LowCardinality(String),
                context LowCardinality(String),
                partition Int32,
                number UInt64,
                `index` UInt32,
                time DateTime64(6, 'UTC'),
                at DateTime64(6, 'UTC'),
                actor String,
                command_id String,
                correlation String,
                event_id UUID,
                `type` LowCardinality(String),
                aggregate_type LowCardinality(String),
                aggregate_id UUID,
                version UInt64,
                data String CODEC(ZSTD(1))
            ) ENGINE = MergeTree ORDER BY (tenant, aggregate_type, aggregate_id, version) {WINDOW}"
        ),
        // What each event of an incident made of it. `is_open` is 1 from the report to the resolution; a group that is nil
        // is none, a category that is empty is none. The columns `was_…` say the same of the moment before.
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}incident_facts (
                tenant UUID,
                domain LowCardinality(String),
                id UUID,
                version UInt64,
                fact LowCardinality(String),
                at DateTime64(6, 'UTC'),
                status LowCardinality(String),
                is_open UInt8,
                `group` UUID,
                category String,
                priority LowCardinality(String),
                was_open UInt8,
                was_group UUID,
                was_category String,
                opened_at DateTime64(6, 'UTC')
            ) ENGINE = MergeTree ORDER BY (tenant, id, version) {WINDOW}"
        ),
        // By day, group and category: what happened, and by how many the open incidents grew. The backlog at the end of a
        // day is the sum of `backlog` up to it.
        format!(
            "CREATE TABLE IF NOT EXISTS {prefix}incident_daily (
                tenant UUID,
                domain LowCardinality(String),
                day Date32,
                `group` UUID,
                category String,
                opened Int64,
                resolved Int64,
                closed Int64,
                reopened Int64,
                cancelled Int64,
                backlog Int64
            ) ENGINE = SummingMergeTree ORDER BY (tenant, day, `group`, category, domain) {WINDOW}"
        ),
        format!(
            "CREATE MATERIALIZED VIEW IF NOT EXISTS {prefix}incident_daily_feed TO {prefix}incident_daily AS {}",
            feed(prefix)
        ),
    ]
}

/// Whether a table of a database is there and knows no domain.
pub const BEFORE_DOMAINS: &str = "SELECT count() FROM system.tables \
    WHERE database = ? AND name = ? AND NOT match(create_table_query, '[( ,`]domain[ ,`]')";

/// Gives tables of a release before domains their column, the daily figures last.
pub fn domains(prefix: &str) -> Vec<String> {
    let add = |table: &str, more: &str| {
        format!("ALTER TABLE {prefix}{table} ADD COLUMN IF NOT EXISTS domain LowCardinality(String) AFTER tenant{more}")
    };
    let all = ["batches", "checkpoints", "parked", "events", "incident_facts"].map(|table| add(table, ""));
    let daily = add("incident_daily", ", MODIFY ORDER BY (tenant, day, `group`, category, domain)");
    all.into_iter().chain([daily]).collect()
}

/// Has the daily figures of a release before domains fed with them.
pub fn feed_domains(prefix: &str) -> String {
    format!("ALTER TABLE {prefix}incident_daily_feed MODIFY QUERY {}", feed(prefix))
}

/// The daily figures of new facts.
fn feed(prefix: &str) -> String {
    format!(
        "SELECT tenant, domain, toDate32(at, 'UTC') AS day, side.1 AS `group`, side.2 AS category,
            countIf(side.4 AND fact = 'created') AS opened,
            countIf(side.4 AND fact = 'resolved') AS resolved,
            countIf(side.4 AND fact = 'closed') AS closed,
            countIf(side.4 AND fact = 'reopened') AS reopened,
            countIf(side.4 AND fact = 'cancelled') AS cancelled,
            sum(side.3) AS backlog
        FROM (
            SELECT tenant, domain, at, fact, arrayJoin([
                (`group`, category, toInt64(is_open), true),
                (was_group, was_category, -toInt64(was_open), false)
            ]) AS side
            FROM {prefix}incident_facts
        )
        WHERE side.3 != 0 OR side.4
        GROUP BY tenant, domain, day, `group`, category"
    )
}
