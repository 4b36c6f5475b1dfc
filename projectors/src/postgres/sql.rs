//! The tables that do not depend on any declaration, and every constant statement on them.
//!
//! The tables of views are derived in [`super::tables`].

/// Taken while tables are made, so that two instances that start together do not make them at the same time.
pub const LOCK_SCHEMA: &str = "SELECT pg_advisory_xact_lock(hashtextextended('daybook.schema', 0))";

/// The tables of the projector itself. Run as a whole at each start; it changes nothing where they are there.
pub const SCHEMA: &str = "
CREATE SCHEMA IF NOT EXISTS daybook;

-- How far each sink has applied each partition. `checkpoint` is the identity of the last applied entry, `number` its number.
-- A version of a view that is being built, or was live before, is a sink of its own: <view>@<version>.
CREATE TABLE IF NOT EXISTS daybook.checkpoints (
    sink text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    checkpoint text NOT NULL,
    number bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sink, topic, partition)
);

-- One row for each sink. The epoch changes whenever another version of a view is made live: who projects under an older
-- epoch stores nothing more and looks again.
CREATE TABLE IF NOT EXISTS daybook.sinks (
    sink text PRIMARY KEY,
    epoch bigint NOT NULL DEFAULT 1
);

-- Up to when each sink has applied all that was appended, whether or not there was anything: how old its rows may be.
CREATE TABLE IF NOT EXISTS daybook.horizons (
    sink text PRIMARY KEY,
    applied_until timestamptz NOT NULL
);

-- Books that are not followed, since their entry `first_number` cannot be decoded or projected.
CREATE TABLE IF NOT EXISTS daybook.parked (
    sink text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    tenant uuid NOT NULL,
    first_number bigint NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    retry boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sink, topic, partition, tenant)
);

-- Every version of every view, also of those being built and those before the present one.
CREATE TABLE IF NOT EXISTS daybook.views (
    view text NOT NULL,
    version text NOT NULL,
    declaration text NOT NULL,
    generation integer NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
    tables text[] NOT NULL,
    entries_done bigint NOT NULL DEFAULT 0,
    entries_total bigint NOT NULL DEFAULT 0,
    rows_only_old bigint,
    rows_only_new bigint,
    rows_different bigint,
    started_at timestamptz NOT NULL DEFAULT now(),
    switched_at timestamptz,
    PRIMARY KEY (view, version)
);
CREATE UNIQUE INDEX IF NOT EXISTS views_live ON daybook.views (view) WHERE state = 'live';

-- What operators ask for: the next version of a view, or the one before.
CREATE TABLE IF NOT EXISTS daybook.rebuilds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    view text NOT NULL,
    action text NOT NULL DEFAULT 'rebuild' CHECK (action IN ('rebuild', 'back')),
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'running', 'done', 'failed')),
    message text,
    requested_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

-- The schemas that events are written in, by SHA-256 of their text, so that `data` below can be decoded.
CREATE TABLE IF NOT EXISTS daybook.schemas (
    fingerprint bytea PRIMARY KEY,
    text text NOT NULL
);

-- Every event with its entry, sealed as on the wire: timelines and states as of a time come from here. One partition for
-- each month of `time`, the owner's clock.
CREATE TABLE IF NOT EXISTS daybook.entries (
    tenant uuid NOT NULL,
    context text NOT NULL,
    partition integer NOT NULL,
    number bigint NOT NULL,
    book_number bigint NOT NULL,
    time timestamptz NOT NULL,
    occurred_at timestamptz,
    actor text NOT NULL,
    on_behalf_of text,
    command_id text NOT NULL,
    correlation text NOT NULL,
    traceparent text,
    index integer NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id uuid NOT NULL,
    version bigint NOT NULL,
    schema bytea NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (tenant, aggregate_id, version, time)
) PARTITION BY RANGE (time);

ALTER TABLE daybook.entries ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant ON daybook.entries;
CREATE POLICY tenant ON daybook.entries USING (tenant = nullif(current_setting('daybook.tenant', true), '')::uuid);
";

/// Makes the row that guards a sink.
pub const ADD_SINK: &str = "INSERT INTO daybook.sinks (sink) VALUES ($1) ON CONFLICT DO NOTHING";

/// The epoch of a sink.
pub const EPOCH: &str = "SELECT epoch FROM daybook.sinks WHERE sink = $1";

/// The epoch of a sink, held until the transaction ends.
pub const HOLD_EPOCH: &str = "SELECT epoch FROM daybook.sinks WHERE sink = $1 FOR SHARE";

/// The epoch of a sink, taken away from everybody until the transaction ends.
pub const TAKE_EPOCH: &str = "SELECT epoch FROM daybook.sinks WHERE sink = $1 FOR UPDATE";

/// Another version of a view is live.
pub const NEXT_EPOCH: &str = "UPDATE daybook.sinks SET epoch = epoch + 1 WHERE sink = $1";

/// All checkpoints of a sink.
pub const CHECKPOINTS: &str = "SELECT topic, partition, checkpoint FROM daybook.checkpoints WHERE sink = $1";

/// Moves checkpoints, each only from the one expected.
pub const MOVE_CHECKPOINTS: &str = "
UPDATE daybook.checkpoints c SET checkpoint = u.next, number = u.number, updated_at = now()
FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[], $6::bigint[]) AS u (topic, partition, held, next, number)
WHERE c.sink = $1 AND c.topic = u.topic AND c.partition = u.partition AND c.checkpoint = u.held";

/// The first checkpoints of partitions.
pub const FIRST_CHECKPOINTS: &str = "
INSERT INTO daybook.checkpoints (sink, topic, partition, checkpoint, number)
SELECT $1, u.* FROM unnest($2::text[], $3::integer[], $4::text[], $5::bigint[]) AS u ON CONFLICT DO NOTHING";

/// The books a sink does not follow.
pub const PARKED: &str = "
SELECT topic, partition, tenant, first_number, reason FROM daybook.parked WHERE sink = $1 ORDER BY topic, partition, first_number";

/// Parks a book, or moves the first entry of a parked one.
pub const PARK: &str = "
INSERT INTO daybook.parked (sink, topic, partition, tenant, first_number, reason) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (sink, topic, partition, tenant)
DO UPDATE SET first_number = excluded.first_number, reason = excluded.reason, retry = false";

/// A parked book, held until the transaction ends, at the place where this process left it.
pub const HOLD_PARKED: &str = "
SELECT true FROM daybook.parked WHERE sink = $1 AND topic = $2 AND partition = $3 AND tenant = $4 AND first_number = $5 FOR UPDATE";

/// A book is followed again.
pub const UNPARK: &str = "DELETE FROM daybook.parked WHERE sink = $1 AND topic = $2 AND partition = $3 AND tenant = $4";

/// Whether an operator wants a parked book to be tried again, or another version of a view is live.
pub const LOOK_AGAIN: &str = "
SELECT EXISTS (SELECT FROM daybook.parked WHERE sink = $1 AND retry)
    OR EXISTS (SELECT FROM daybook.sinks WHERE sink = $1 AND epoch <> $2)";

/// Schemas, by their fingerprints.
pub const ADD_SCHEMAS: &str = "
INSERT INTO daybook.schemas (fingerprint, text)
SELECT sha256(convert_to(t, 'UTF8')), t FROM unnest($1::text[]) AS t ON CONFLICT DO NOTHING";

/// Events with their entries.
pub const ADD_ENTRIES: &str = "
INSERT INTO daybook.entries (tenant, context, partition, number, book_number, time, occurred_at, actor, on_behalf_of,
    command_id, correlation, traceparent, index, event_id, type, aggregate_type, aggregate_id, version, schema, data)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::integer[], $14::uuid[], $15::text[], $16::text[],
    $17::uuid[], $18::bigint[], $19::bytea[], $20::bytea[])
ON CONFLICT DO NOTHING";

/// The live version of each view.
pub const LIVE_VIEWS: &str = "SELECT view, version, declaration, generation FROM daybook.views WHERE state = 'live'";

/// All versions of a view, the one that was made live last first.
pub const VERSIONS: &str = "
SELECT version, declaration, generation, state, tables FROM daybook.views WHERE view = $1
ORDER BY coalesce(switched_at, started_at) DESC";

/// Names a version of a view; a version that is known goes into that state again.
pub const ADD_VERSION: &str = "
INSERT INTO daybook.views (view, version, declaration, generation, state, tables, switched_at)
VALUES ($1, $2, $3, $4, $5, $6, CASE $5 WHEN 'live' THEN now() END)
ON CONFLICT (view, version) DO UPDATE SET state = excluded.state, started_at = now()";

/// How far a version is built.
pub const REPORT_BUILD: &str = "
UPDATE daybook.views SET entries_done = $3, entries_total = $4 WHERE view = $1 AND version = $2";

/// How the next version differs from the live one.
pub const REPORT_DIFF: &str = "
UPDATE daybook.views SET rows_only_old = $3, rows_only_new = $4, rows_different = $5 WHERE view = $1 AND left(version, 8) = $2";

/// The live version of a view makes room.
pub const RETIRE: &str = "
UPDATE daybook.views SET state = 'retired' WHERE view = $1 AND state = 'live' RETURNING version";

/// A version of a view is live.
pub const MAKE_LIVE: &str =
    "UPDATE daybook.views SET state = 'live', switched_at = now() WHERE view = $1 AND version = $2";

/// Forgets a version of a view.
pub const FORGET_VERSION: &str = "DELETE FROM daybook.views WHERE view = $1 AND version = $2";

/// Forgets a sink's checkpoints.
pub const FORGET_CHECKPOINTS: &str = "DELETE FROM daybook.checkpoints WHERE sink = $1";

/// A version that was live stands where the sink that fed it stands: from there it can be brought up again.
pub const KEEP_CHECKPOINTS: &str = "
INSERT INTO daybook.checkpoints (sink, topic, partition, checkpoint, number)
SELECT $2, topic, partition, checkpoint, number FROM daybook.checkpoints WHERE sink = $1 AND topic = $3
ON CONFLICT (sink, topic, partition) DO UPDATE SET checkpoint = excluded.checkpoint, number = excluded.number, updated_at = now()";

/// The oldest open request of an operator.
pub const NEXT_REQUEST: &str = "
SELECT id, view, action FROM daybook.rebuilds WHERE state IN ('requested', 'running') ORDER BY id LIMIT 1";

/// What became of a request.
pub const REPORT_REQUEST: &str = "
UPDATE daybook.rebuilds SET state = $2, message = $3, finished_at = CASE WHEN $2 IN ('done', 'failed') THEN now() END WHERE id = $1";

/// The right to build a view, held by one connection at a time.
pub const LOCK_VIEW: &str = "SELECT pg_try_advisory_lock(hashtextextended('daybook.build ' || $1, 0))";

/// Gives that right back.
pub const UNLOCK_VIEW: &str = "SELECT pg_advisory_unlock(hashtextextended('daybook.build ' || $1, 0))";

/// The parked books of a sink, under the name of another.
pub const COPY_PARKED: &str = "
INSERT INTO daybook.parked (sink, topic, partition, tenant, first_number, reason, since)
SELECT $2, topic, partition, tenant, first_number, reason, since FROM daybook.parked WHERE sink = $1 AND topic = $3
ON CONFLICT DO NOTHING";

/// The parked books of a version that goes live are parked for the sink that feeds it from then on.
pub const MERGE_PARKED: &str = "
INSERT INTO daybook.parked (sink, topic, partition, tenant, first_number, reason, since)
SELECT $2, topic, partition, tenant, first_number, reason, since FROM daybook.parked WHERE sink = $1 AND topic = $3
ON CONFLICT (sink, topic, partition, tenant)
DO UPDATE SET first_number = least(parked.first_number, excluded.first_number), reason = excluded.reason";

/// Forgets a sink's parked books.
pub const FORGET_PARKED: &str = "DELETE FROM daybook.parked WHERE sink = $1";

/// Notes up to when a sink has applied everything, in milliseconds since 1970.
pub const NOTE_HORIZON: &str = "
INSERT INTO daybook.horizons (sink, applied_until) VALUES ($1, to_timestamp($2::bigint / 1000.0))
ON CONFLICT (sink) DO UPDATE SET applied_until = greatest(horizons.applied_until, excluded.applied_until)";

/// Every constant statement, for the test that prepares them all.
pub const ALL: &[&str] = &[
    LOCK_SCHEMA,
    ADD_SINK,
    EPOCH,
    HOLD_EPOCH,
    TAKE_EPOCH,
    NEXT_EPOCH,
    CHECKPOINTS,
    MOVE_CHECKPOINTS,
    FIRST_CHECKPOINTS,
    PARKED,
    PARK,
    HOLD_PARKED,
    UNPARK,
    LOOK_AGAIN,
    ADD_SCHEMAS,
    ADD_ENTRIES,
    LIVE_VIEWS,
    VERSIONS,
    ADD_VERSION,
    REPORT_BUILD,
    REPORT_DIFF,
    RETIRE,
    MAKE_LIVE,
    FORGET_VERSION,
    FORGET_CHECKPOINTS,
    KEEP_CHECKPOINTS,
    NEXT_REQUEST,
    REPORT_REQUEST,
    LOCK_VIEW,
    UNLOCK_VIEW,
    COPY_PARKED,
    MERGE_PARKED,
    FORGET_PARKED,
    NOTE_HORIZON,
];
