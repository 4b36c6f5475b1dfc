//! The tables of the runner of policies, and every statement on them.

/// The tables. Run as a whole at each start; it changes nothing where they are there.
pub const SCHEMA: &str = "
-- What a policy has heard and not answered yet. `time` is the entry's, in microseconds since 1970.
CREATE TABLE IF NOT EXISTS daybook.policy_heard (
    policy text NOT NULL,
    time bigint NOT NULL,
    context text NOT NULL,
    partition integer NOT NULL,
    number bigint NOT NULL,
    tenant uuid NOT NULL,
    book_number bigint NOT NULL,
    depth bigint NOT NULL,
    events jsonb NOT NULL,
    PRIMARY KEY (policy, time, context, partition, number)
);

-- What a policy remembers of a tenant.
CREATE TABLE IF NOT EXISTS daybook.policy_memory (
    policy text NOT NULL,
    tenant uuid NOT NULL,
    key text NOT NULL,
    row jsonb NOT NULL,
    PRIMARY KEY (policy, tenant, key)
);

-- Commands of policies that were rejected: the entry each answers, the command for `aggregate` in the book of `target`, and
-- why it was rejected the last time it was given. `asked_at` is set by who wants it given once more, until it has been.
CREATE TABLE IF NOT EXISTS daybook.policy_rejections (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy text NOT NULL,
    context text NOT NULL,
    tenant uuid NOT NULL,
    book_number bigint NOT NULL,
    step integer NOT NULL,
    depth bigint NOT NULL,
    target uuid NOT NULL,
    path text NOT NULL,
    aggregate uuid NOT NULL,
    command text NOT NULL,
    body jsonb NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now(),
    asked_at timestamptz,
    retried_at timestamptz,
    done_at timestamptz,
    UNIQUE (policy, context, tenant, book_number, step)
);
CREATE INDEX IF NOT EXISTS policy_rejections_open ON daybook.policy_rejections (id) WHERE done_at IS NULL;
";

/// Gathers what a policy hears of entries.
pub const GATHER: &str = "
INSERT INTO daybook.policy_heard (policy, time, context, partition, number, tenant, book_number, depth, events)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::bigint[], $6::uuid[], $7::bigint[], $8::bigint[], $9::jsonb[])
ON CONFLICT DO NOTHING";

/// One process answers at a time: held as long as its connection.
pub const LEAD: &str = "SELECT pg_try_advisory_lock(hashtextextended('daybook.policies', 0))";

/// What a policy is to answer next, up to a time.
pub const NEXT: &str = "
SELECT time, context, partition, number, tenant, book_number, depth, events FROM daybook.policy_heard
WHERE policy = $1 AND time <= $2 ORDER BY time, context, partition, number LIMIT $3";

/// What a policy remembers of a tenant.
pub const MEMORY: &str = "SELECT key, row FROM daybook.policy_memory WHERE policy = $1 AND tenant = $2";

/// Remembers rows.
pub const REMEMBER: &str = "
INSERT INTO daybook.policy_memory (policy, tenant, key, row)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::jsonb[])
ON CONFLICT (policy, tenant, key) DO UPDATE SET row = excluded.row";

/// Forgets rows.
pub const FORGET: &str = "
DELETE FROM daybook.policy_memory
WHERE policy = $1 AND (tenant, key) IN (SELECT * FROM unnest($2::uuid[], $3::text[]))";

/// Which steps of the answer to an entry were rejected.
pub const REJECTED_STEPS: &str = "
SELECT step FROM daybook.policy_rejections WHERE policy = $1 AND context = $2 AND tenant = $3 AND book_number = $4";

/// Keeps a command that was rejected, once.
pub const REJECT: &str = "
INSERT INTO daybook.policy_rejections
    (policy, context, tenant, book_number, step, depth, target, path, aggregate, command, body, code, message)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (policy, context, tenant, book_number, step) DO NOTHING";

/// The next rejected command that is to be given once more.
pub const ASKED: &str = "
SELECT id, policy, context, tenant, book_number, step, depth, target, path, aggregate, command, body
FROM daybook.policy_rejections WHERE done_at IS NULL AND asked_at IS NOT NULL ORDER BY id LIMIT 1";

/// It is done.
pub const RETRY_DONE: &str = "
UPDATE daybook.policy_rejections SET asked_at = NULL, retried_at = now(), done_at = now() WHERE id = $1";

/// It was rejected once more.
pub const RETRY_REJECTED: &str = "
UPDATE daybook.policy_rejections SET asked_at = NULL, retried_at = now(), code = $2, message = $3 WHERE id = $1";

/// How many are not done, by policy.
pub const OPEN_REJECTIONS: &str = "
SELECT policy, count(*) AS open FROM daybook.policy_rejections WHERE done_at IS NULL GROUP BY policy";

/// Entries are answered.
pub const ANSWERED: &str = "
DELETE FROM daybook.policy_heard WHERE policy = $1 AND (time, context, partition, number) IN
    (SELECT * FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::bigint[]))";

/// Every statement, for the test that prepares them.
pub const ALL: &[&str] = &[
    GATHER,
    LEAD,
    NEXT,
    MEMORY,
    REMEMBER,
    FORGET,
    REJECTED_STEPS,
    REJECT,
    ASKED,
    RETRY_DONE,
    RETRY_REJECTED,
    OPEN_REJECTIONS,
    ANSWERED,
];
