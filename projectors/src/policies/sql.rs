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

-- Commands of policies that were rejected, for people to look at.
CREATE TABLE IF NOT EXISTS daybook.policy_rejections (
    policy text NOT NULL,
    context text NOT NULL,
    tenant uuid NOT NULL,
    book_number bigint NOT NULL,
    step integer NOT NULL,
    command text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (policy, context, tenant, book_number, step)
);
";

/// Gathers what a policy hears of an entry.
pub const GATHER: &str = "
INSERT INTO daybook.policy_heard (policy, time, context, partition, number, tenant, book_number, depth, events)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";

/// One process answers at a time: held as long as its connection.
pub const LEAD: &str = "SELECT pg_try_advisory_lock(hashtextextended('daybook.policies', 0))";

/// What a policy is to answer next, up to a time.
pub const NEXT: &str = "
SELECT time, context, partition, number, tenant, book_number, depth, events FROM daybook.policy_heard
WHERE policy = $1 AND time <= $2 ORDER BY time, context, partition, number LIMIT 1";

/// What a policy remembers of a tenant.
pub const MEMORY: &str = "SELECT key, row FROM daybook.policy_memory WHERE policy = $1 AND tenant = $2";

/// Remembers a row.
pub const REMEMBER: &str = "
INSERT INTO daybook.policy_memory (policy, tenant, key, row) VALUES ($1, $2, $3, $4)
ON CONFLICT (policy, tenant, key) DO UPDATE SET row = excluded.row";

/// Forgets a row.
pub const FORGET: &str = "DELETE FROM daybook.policy_memory WHERE policy = $1 AND tenant = $2 AND key = $3";

/// Says that a command was rejected.
pub const REJECT: &str = "
INSERT INTO daybook.policy_rejections (policy, context, tenant, book_number, step, command, code, message)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (policy, context, tenant, book_number, step)
DO UPDATE SET command = excluded.command, code = excluded.code, message = excluded.message, at = now()";

/// An entry is answered.
pub const ANSWERED: &str = "
DELETE FROM daybook.policy_heard WHERE policy = $1 AND time = $2 AND context = $3 AND partition = $4 AND number = $5";
