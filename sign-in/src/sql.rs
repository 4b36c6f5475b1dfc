//! Every statement on the tables of sign-in, and on the views of identity.

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

/// Takes a token, so that it serves once.
pub const TAKE_TOKEN: &str = "
DELETE FROM sign_in.tokens WHERE hash = $1 AND kind = ANY($2) AND (expires_at IS NULL OR expires_at > now())
RETURNING id, kind, tenant, owner, session, generation";

/// Forgets tokens that have run out.
pub const FORGET_TOKENS: &str = "DELETE FROM sign_in.tokens WHERE expires_at < now() - interval '1 day'";

/// Forgets the secrets of somebody, and in turn the tokens, API keys, links to providers, their sessions, external ids, and passkeys.
pub const FORGET_OWNER: [&str; 7] = [
    "DELETE FROM sign_in.secrets WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.tokens WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.api_keys WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.links WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.provider_sessions WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.external_ids WHERE tenant = $1 AND owner = $2",
    "DELETE FROM sign_in.passkeys WHERE tenant = $1 AND owner = $2",
];

/// Keeps a passkey; nothing where its device has shown it before.
pub const ADD_PASSKEY: &str = "
INSERT INTO sign_in.passkeys (id, tenant, owner, mark, sealed, is_synced, count) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING";

/// The passkey of that mark.
pub const PASSKEY: &str = "SELECT id, tenant, owner, sealed, is_synced FROM sign_in.passkeys WHERE mark = $1";

/// Notes how often a passkey has signed; nothing where that is not more, but for those that never count.
pub const COUNT_PASSKEY: &str =
    "UPDATE sign_in.passkeys SET count = $2 WHERE id = $1 AND (count < $2 OR (count = 0 AND $2 = 0))";

/// Forgets the passkeys of somebody but one.
pub const FORGET_PASSKEYS: &str =
    "DELETE FROM sign_in.passkeys WHERE tenant = $1 AND owner = $2 AND ($3::uuid IS NULL OR id <> $3)";

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

/// An identity provider.
pub const PROVIDER: &str = "SELECT doc FROM identity.identity_providers WHERE tenant = $1 AND id = $2";

/// The identity providers of a tenant by which people can sign in.
pub const PROVIDERS: &str = "
SELECT id, doc->>'name' AS name FROM identity.identity_providers
WHERE tenant = $1 AND status = 'enabled' AND protocol = 'oidc' ORDER BY name, id LIMIT 200";

/// Keeps a sign-in that was begun.
pub const ADD_FEDERATION: &str = "
INSERT INTO sign_in.federations (state, browser, tenant, provider, sealed, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))";

/// Takes a sign-in that was begun, so that its state serves once.
pub const TAKE_FEDERATION: &str = "
DELETE FROM sign_in.federations WHERE state = $1 RETURNING browser, tenant, provider, sealed, expires_at > now() AS is_live";

/// Forgets sign-ins that nobody came back with.
pub const FORGET_FEDERATIONS: &str = "DELETE FROM sign_in.federations WHERE expires_at < now()";

/// Whom a provider knows under that subject.
pub const LINK: &str = "SELECT owner FROM sign_in.links WHERE tenant = $1 AND provider = $2 AND subject = $3";

/// Keeps whom a provider knows under a subject; the first stays.
pub const ADD_LINK: &str =
    "INSERT INTO sign_in.links (tenant, provider, subject, owner) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";

/// Keeps which of a provider's sessions one of ours began with.
pub const ADD_PROVIDER_SESSION: &str = "
INSERT INTO sign_in.provider_sessions (session, tenant, provider, subject, sid, owner) VALUES ($1, $2, $3, $4, $5, $6)";

/// Our sessions that began with one of a provider's, or with any of that person's.
pub const PROVIDER_SESSIONS: &str = "
SELECT session FROM sign_in.provider_sessions
WHERE tenant = $1 AND provider = $2 AND ($3::bytea IS NULL OR subject = $3) AND ($4::bytea IS NULL OR sid = $4)";

/// Forgets those of our sessions that have ended.
pub const FORGET_PROVIDER_SESSIONS: &str = "
DELETE FROM sign_in.provider_sessions p USING identity.sessions s
WHERE s.tenant = p.tenant AND s.id = p.session AND s.status = 'ended'";

/// Notes that a logout token was taken; nothing where it was before.
pub const TAKE_LOGOUT: &str = "
INSERT INTO sign_in.logout_tokens (hash, expires_at) VALUES ($1, now() + make_interval(secs => $2)) ON CONFLICT DO NOTHING";

/// Gives it free again: what it asks for was not done.
pub const GIVE_BACK_LOGOUT: &str = "DELETE FROM sign_in.logout_tokens WHERE hash = $1";

/// Forgets logout tokens that are too old to be taken again.
pub const FORGET_LOGOUTS: &str = "DELETE FROM sign_in.logout_tokens WHERE expires_at < now()";

/// Whether an account that is out of use had that address.
pub const LEFT_ADDRESS: &str =
    "SELECT FROM identity.users WHERE tenant = $1 AND email_index = $2 AND status = 'inactive' LIMIT 1";

macro_rules! scim {
    ($what:literal, $table:literal, $condition:literal, $end:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM identity.",
            $table,
            " v LEFT JOIN sign_in.external_ids e ON e.tenant = v.tenant AND e.owner = v.id
WHERE v.tenant = $1 AND NOT coalesce(e.is_deleted, false) AND ($2::uuid IS NULL OR v.id = $2)
AND ($4::bytea IS NULL OR e.mark = $4) AND ",
            $condition,
            $end
        )
    };
}

/// The users of a tenant as SCIM shows them: the one of that id, of that address, of that external id; a page.
pub const SCIM_USERS: &str = scim!(
    "v.id, v.doc, e.sealed, (extract(epoch FROM v.created_at) * 1000000)::bigint AS created_at, \
     (extract(epoch FROM v.updated_at) * 1000000)::bigint AS updated_at",
    "users",
    "v.status <> 'erased' AND ($3::text IS NULL OR v.email_index = $3)",
    " ORDER BY v.id LIMIT $5 OFFSET $6"
);

/// How many there are.
pub const SCIM_USERS_COUNT: &str =
    scim!("count(*) AS total", "users", "v.status <> 'erased' AND ($3::text IS NULL OR v.email_index = $3)", "");

/// The groups of a tenant that are in use, likewise.
pub const SCIM_GROUPS: &str = scim!(
    "v.id, v.doc, e.sealed, (extract(epoch FROM v.created_at) * 1000000)::bigint AS created_at, \
     (extract(epoch FROM v.updated_at) * 1000000)::bigint AS updated_at",
    "groups",
    "v.status = 'active' AND ($3::text IS NULL OR lower(v.name) = $3)",
    " ORDER BY v.id LIMIT $5 OFFSET $6"
);

/// How many there are.
pub const SCIM_GROUPS_COUNT: &str =
    scim!("count(*) AS total", "groups", "v.status = 'active' AND ($3::text IS NULL OR lower(v.name) = $3)", "");

/// Keeps what a directory calls something.
pub const SET_EXTERNAL: &str = "
INSERT INTO sign_in.external_ids (tenant, owner, kind, mark, sealed) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant, owner) DO UPDATE SET mark = excluded.mark, sealed = excluded.sealed";

/// Notes that a directory has deleted something.
pub const DELETE_EXTERNAL: &str = "
INSERT INTO sign_in.external_ids (tenant, owner, kind, is_deleted) VALUES ($1, $2, $3, true)
ON CONFLICT (tenant, owner) DO UPDATE SET mark = NULL, sealed = NULL, is_deleted = true";

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
    TAKE_TOKEN,
    FORGET_TOKENS,
    PROVIDER,
    PROVIDERS,
    ADD_FEDERATION,
    TAKE_FEDERATION,
    FORGET_FEDERATIONS,
    LINK,
    ADD_LINK,
    ADD_PROVIDER_SESSION,
    PROVIDER_SESSIONS,
    FORGET_PROVIDER_SESSIONS,
    TAKE_LOGOUT,
    GIVE_BACK_LOGOUT,
    FORGET_LOGOUTS,
    LEFT_ADDRESS,
    SCIM_USERS,
    SCIM_USERS_COUNT,
    SCIM_GROUPS,
    SCIM_GROUPS_COUNT,
    SET_EXTERNAL,
    DELETE_EXTERNAL,
    ADD_PASSKEY,
    PASSKEY,
    COUNT_PASSKEY,
    FORGET_PASSKEYS,
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
