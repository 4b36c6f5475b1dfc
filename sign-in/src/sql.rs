//! The tables of sign-in, and every statement on them and on the views of identity.

/// The tables. Run as a whole at each start; it changes nothing where they are there.
pub const SCHEMA: &str = "
CREATE SCHEMA IF NOT EXISTS sign_in;

-- What has to be opened again: hashes of passwords, seeds of second factors; sealed under the key of the settings.
CREATE TABLE IF NOT EXISTS sign_in.secrets (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    owner uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('password', 'totp')),
    sealed bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS secrets_owner ON sign_in.secrets (tenant, owner);

-- What was given away and is shown again: its SHA-256, and what it stands for. Tokens are random, so no salt is needed.
CREATE TABLE IF NOT EXISTS sign_in.tokens (
    hash bytea PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('verify', 'first', 'reset', 'refresh', 'recovery')),
    tenant uuid NOT NULL,
    owner uuid NOT NULL,
    session uuid,
    generation integer,
    expires_at timestamptz
);
CREATE INDEX IF NOT EXISTS tokens_expiry ON sign_in.tokens (expires_at);

-- API keys by their prefixes. `key` is the aggregate, once the book has accepted it.
CREATE TABLE IF NOT EXISTS sign_in.api_keys (
    secret uuid PRIMARY KEY,
    prefix text NOT NULL UNIQUE,
    hash bytea NOT NULL,
    tenant uuid NOT NULL,
    owner uuid NOT NULL,
    key uuid
);
CREATE INDEX IF NOT EXISTS api_keys_owner ON sign_in.api_keys (tenant, owner, prefix);

-- The keys that tokens are signed with, the private half sealed. From `due_at` on there is to be a next one.
CREATE TABLE IF NOT EXISTS sign_in.signing_keys (
    kid text PRIMARY KEY,
    sealed bytea NOT NULL,
    public jsonb NOT NULL,
    signs_from timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    withdrawn_at timestamptz
);
";

/// A table in a backup.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name in the schema.
    pub name: &'static str,
    /// Every row of it, as JSON.
    pub dump: &'static str,
    /// Puts rows back; those that are there stay as they are.
    pub restore: &'static str,
}

macro_rules! table {
    ($name:literal) => {
        Table {
            name: $name,
            dump: concat!("SELECT to_jsonb(r) AS row FROM sign_in.", $name, " r ORDER BY r"),
            restore: concat!(
                "INSERT INTO sign_in.",
                $name,
                " SELECT * FROM jsonb_populate_recordset(NULL::sign_in.",
                $name,
                ", $1) ON CONFLICT DO NOTHING"
            ),
        }
    };
}

/// Every table.
pub const TABLES: &[Table] = &[table!("secrets"), table!("tokens"), table!("api_keys"), table!("signing_keys")];

/// How the tables of a backup are read, so that they fit each other.
pub const AT_ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Taken while tables or keys are made, so that two instances do not make them at the same time.
pub const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('daybook.sign_in', 0))";

/// Keeps a secret.
pub const ADD_SECRET: &str =
    "INSERT INTO sign_in.secrets (id, tenant, owner, kind, sealed) VALUES ($1, $2, $3, $4, $5)";

/// A secret of somebody.
pub const SECRET: &str =
    "SELECT sealed FROM sign_in.secrets WHERE id = $1 AND tenant = $2 AND owner = $3 AND kind = $4";

/// Keeps the hash of a token.
pub const ADD_TOKEN: &str = "
INSERT INTO sign_in.tokens (hash, id, kind, tenant, owner, session, generation, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))";

/// What a token stands for.
pub const TOKEN: &str = "
SELECT id, kind, tenant, owner, session, generation FROM sign_in.tokens
WHERE hash = $1 AND kind = ANY($2) AND (expires_at IS NULL OR expires_at > now())";

/// Forgets tokens that have run out.
pub const FORGET_TOKENS: &str = "DELETE FROM sign_in.tokens WHERE expires_at < now() - interval '1 day'";

/// Forgets the secrets of somebody, and in turn the tokens and API keys.
pub const FORGET_OWNER: [&str; 3] = [
    "DELETE FROM sign_in.secrets WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.tokens WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.api_keys WHERE tenant = $1 AND owner = $2",
];

/// Keeps the hash of an API key.
pub const ADD_API_KEY: &str =
    "INSERT INTO sign_in.api_keys (secret, prefix, hash, tenant, owner, key) VALUES ($1, $2, $3, $4, $5, $6)";

/// The book has accepted an API key.
pub const NAME_API_KEY: &str = "UPDATE sign_in.api_keys SET key = $2 WHERE secret = $1";

/// The API key with that prefix, as the book knows it.
pub const API_KEY: &str = "
SELECT a.hash, a.secret, a.tenant, a.key, k.doc FROM sign_in.api_keys a
LEFT JOIN identity.api_keys k ON k.tenant = a.tenant AND k.id = a.key WHERE a.prefix = $1";

/// The API keys of somebody whose prefixes begin like this.
pub const API_KEYS_OF: &str = r"
SELECT a.prefix, k.id, k.doc FROM sign_in.api_keys a
JOIN identity.api_keys k ON k.tenant = a.tenant AND k.id = a.key AND (k.doc->>'secret')::uuid = a.secret
WHERE a.tenant = $1 AND a.owner = $2 AND starts_with(a.prefix, $3) ORDER BY k.id DESC LIMIT 200";

/// All signing keys that may still matter, the newest first.
pub const SIGNING_KEYS: &str = "
SELECT kid, sealed, public, extract(epoch FROM signs_from)::float8 AS signs_from, due_at <= now() AS is_due
FROM sign_in.signing_keys WHERE withdrawn_at IS NULL ORDER BY signs_from DESC, kid";

/// Keeps a signing key.
pub const ADD_SIGNING_KEY: &str = "
INSERT INTO sign_in.signing_keys (kid, sealed, public, signs_from, due_at)
VALUES ($1, $2, $3, now() + make_interval(secs => $4), now() + make_interval(secs => $4 + $5))";

/// Forgets signing keys whose tokens have all run out: those before one that has signed for that long, in seconds.
pub const FORGET_SIGNING_KEYS: &str = "
DELETE FROM sign_in.signing_keys k WHERE EXISTS (
    SELECT FROM sign_in.signing_keys n
    WHERE n.signs_from > k.signs_from AND n.withdrawn_at IS NULL AND n.signs_from < now() - make_interval(secs => $1))";

/// The organisation of that slug or id, and whether it wants second factors.
pub const ORGANIZATION: &str = "
SELECT id, coalesce(doc->'settings'->>'mfa' = 'required', false) AS mfa_required
FROM tenancy.organizations WHERE slug = $1 OR id::text = $1";

/// Who has that address, as its blind index says.
pub const USER_BY_ADDRESS: &str = "
SELECT u.id, u.doc, c.doc AS credential FROM identity.users u
LEFT JOIN identity.credentials c ON c.tenant = u.tenant AND c.id = u.id
WHERE u.tenant = $1 AND u.email_index = $2 AND u.status <> 'inactive'";

/// A user.
pub const USER: &str = "
SELECT u.id, u.doc, c.doc AS credential FROM identity.users u
LEFT JOIN identity.credentials c ON c.tenant = u.tenant AND c.id = u.id WHERE u.tenant = $1 AND u.id = $2";

/// The groups of a tenant that are in use.
pub const GROUPS: &str = "SELECT id, doc FROM identity.groups WHERE tenant = $1 AND status = 'active'";

/// The roles of those ids that are in use.
pub const ROLES: &str = "SELECT id, doc FROM identity.roles WHERE tenant = $1 AND id = ANY($2) AND status = 'active'";

/// A session.
pub const SESSION: &str = "SELECT doc FROM identity.sessions WHERE tenant = $1 AND id = $2";

/// The open sessions of somebody.
pub const SESSIONS: &str = r#"
SELECT id, doc, (extract(epoch FROM created_at) * 1000000)::bigint AS created_at FROM identity.sessions
WHERE tenant = $1 AND "user" = $2 AND status = 'active' ORDER BY id DESC LIMIT 100"#;

/// Whether what a token stands on has ended.
pub const ENDED: &str = "
SELECT CASE $3
    WHEN 'session' THEN (SELECT status = 'ended' FROM identity.sessions WHERE tenant = $1 AND id = $2)
    ELSE (SELECT status <> 'active' FROM identity.api_keys WHERE tenant = $1 AND id = $2) END AS ended";

/// How far the views have come in a partition.
pub const REACHED: &str =
    "SELECT number FROM daybook.checkpoints WHERE sink = 'postgres' AND topic = $1 AND partition = $2";

/// Whether Postgres answers, and the views are there.
pub const PING: &str = "SELECT count(*) FROM (SELECT FROM identity.users LIMIT 1) AS any_user";

/// Every statement, for the test that prepares them.
pub const ALL: &[&str] = &[
    LOCK,
    ADD_SECRET,
    SECRET,
    ADD_TOKEN,
    TOKEN,
    FORGET_TOKENS,
    ADD_API_KEY,
    NAME_API_KEY,
    API_KEY,
    API_KEYS_OF,
    SIGNING_KEYS,
    ADD_SIGNING_KEY,
    FORGET_SIGNING_KEYS,
    ORGANIZATION,
    USER_BY_ADDRESS,
    USER,
    GROUPS,
    ROLES,
    SESSION,
    SESSIONS,
    ENDED,
    REACHED,
    PING,
];
