//! The tables of sign-in.

/// The tables. Run as a whole at each start; it changes nothing where they are there.
pub const SCHEMA: &str = "
CREATE SCHEMA IF NOT EXISTS sign_in;

-- What has to be opened again: hashes of passwords, seeds of second factors, what providers know us by; sealed under the key of the settings.
CREATE TABLE IF NOT EXISTS sign_in.secrets (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    owner uuid NOT NULL,
    kind text NOT NULL,
    sealed bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS secrets_owner ON sign_in.secrets (tenant, owner);

-- What was given away and is shown again: its SHA-256, and what it stands for. Tokens are random, so no salt is needed.
CREATE TABLE IF NOT EXISTS sign_in.tokens (
    hash bytea PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    kind text NOT NULL,
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

-- Sign-ins that were begun and sent to a provider, by the SHA-256 of their state. What has to come back is sealed.
CREATE TABLE IF NOT EXISTS sign_in.federations (
    state bytea PRIMARY KEY,
    browser bytea NOT NULL,
    tenant uuid NOT NULL,
    provider uuid NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Whom a provider knows under which subject. A subject is personal: only a keyed hash of it is kept.
CREATE TABLE IF NOT EXISTS sign_in.links (
    tenant uuid NOT NULL,
    provider uuid NOT NULL,
    subject bytea NOT NULL,
    owner uuid NOT NULL,
    PRIMARY KEY (tenant, provider, subject)
);
CREATE INDEX IF NOT EXISTS links_owner ON sign_in.links (tenant, owner);

-- Which of our sessions began with which of a provider's, by keyed hashes: it ends them by what it calls its own.
CREATE TABLE IF NOT EXISTS sign_in.provider_sessions (
    session uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    provider uuid NOT NULL,
    subject bytea NOT NULL,
    sid bytea,
    owner uuid NOT NULL
);
CREATE INDEX IF NOT EXISTS provider_sessions_subject ON sign_in.provider_sessions (tenant, provider, subject);
CREATE INDEX IF NOT EXISTS provider_sessions_sid ON sign_in.provider_sessions (tenant, provider, sid);

-- Logout tokens that were taken: each serves once.
CREATE TABLE IF NOT EXISTS sign_in.logout_tokens (
    hash bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

-- What a directory calls something of ours (SCIM), sealed, and found by a keyed hash; and what it has deleted.
CREATE TABLE IF NOT EXISTS sign_in.external_ids (
    tenant uuid NOT NULL,
    owner uuid NOT NULL,
    kind text NOT NULL,
    mark bytea,
    sealed bytea,
    is_deleted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, owner)
);
CREATE INDEX IF NOT EXISTS external_ids_mark ON sign_in.external_ids (tenant, mark);

-- Passkeys, found by a keyed hash of the ids that their devices have given them; their public keys are sealed.
CREATE TABLE IF NOT EXISTS sign_in.passkeys (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    owner uuid NOT NULL,
    mark bytea NOT NULL UNIQUE,
    sealed bytea NOT NULL,
    is_synced boolean NOT NULL,
    count bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS passkeys_owner ON sign_in.passkeys (tenant, owner);

-- What there may be grows with the releases: a table that is there already is brought along.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'secrets_kinds_2') THEN
        ALTER TABLE sign_in.secrets DROP CONSTRAINT IF EXISTS secrets_kind_check,
            ADD CONSTRAINT secrets_kinds_2 CHECK (kind IN ('password', 'totp', 'client'));
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'tokens_kinds_3') THEN
        ALTER TABLE sign_in.tokens DROP CONSTRAINT IF EXISTS tokens_kind_check, DROP CONSTRAINT IF EXISTS tokens_kinds_2,
            ADD CONSTRAINT tokens_kinds_3
            CHECK (kind IN ('verify', 'first', 'reset', 'refresh', 'recovery', 'federated', 'enrol', 'passkey'));
    END IF;
END $$;
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
pub const TABLES: &[Table] = &[
    table!("secrets"),
    table!("tokens"),
    table!("api_keys"),
    table!("signing_keys"),
    table!("federations"),
    table!("links"),
    table!("provider_sessions"),
    table!("logout_tokens"),
    table!("external_ids"),
    table!("passkeys"),
];
