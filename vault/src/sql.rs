//! The tables of the vault, and every statement on them.

/// Taken while tables are made, so that two instances that start together do not make them at the same time.
pub const LOCK_SCHEMA: &str = "SELECT pg_advisory_xact_lock(hashtextextended('vault.schema', 0))";

/// The tables. Run as a whole; it changes nothing where they are there.
pub const SCHEMA: &str = "
CREATE SCHEMA IF NOT EXISTS vault;
REVOKE ALL ON SCHEMA vault FROM PUBLIC;

-- A data key, wrapped by the key-encryption key `kek`. One that was destroyed has no bytes any more; its row stays as a tombstone,
-- so that nobody makes it anew.
CREATE TABLE IF NOT EXISTS vault.keys (
    tenant uuid NOT NULL,
    id uuid NOT NULL,
    kek text,
    wrapped bytea,
    made_at timestamptz NOT NULL DEFAULT now(),
    destroyed_at timestamptz,
    PRIMARY KEY (tenant, id),
    CHECK ((destroyed_at IS NULL) = (wrapped IS NOT NULL AND kek IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS keys_kek ON vault.keys (kek, tenant, id) WHERE wrapped IS NOT NULL;

-- Whose a key is that is not the subject's own: which aggregates of which kind are about whom, as the journals say.
CREATE TABLE IF NOT EXISTS vault.subjects (
    tenant uuid NOT NULL,
    subject uuid NOT NULL,
    type text NOT NULL,
    key uuid NOT NULL,
    PRIMARY KEY (tenant, subject, type, key)
);

-- Who was erased: by the entry at `position`, of that time; or which record was over for long enough (`retention`). How many keys were destroyed, and since when each store has forgotten.
CREATE TABLE IF NOT EXISTS vault.erasures (
    tenant uuid NOT NULL,
    subject uuid NOT NULL,
    position text NOT NULL,
    erased_at timestamptz NOT NULL,
    keys bigint NOT NULL DEFAULT 0,
    destroyed_at timestamptz,
    caches_at timestamptz,
    postgres_at timestamptz,
    search_at timestamptz,
    sign_in_at timestamptz,
    PRIMARY KEY (tenant, subject)
);
";

/// The keys of these ids that are there.
pub const FIND: &str = "
SELECT tenant, id, kek, wrapped FROM vault.keys
WHERE (tenant, id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))";

/// New keys; those that somebody else made meanwhile stay as they are.
pub const MAKE: &str = "
INSERT INTO vault.keys (tenant, id, kek, wrapped)
SELECT t, i, $3, w FROM unnest($1::uuid[], $2::uuid[], $4::bytea[]) AS made (t, i, w)
ON CONFLICT DO NOTHING RETURNING tenant, id";

/// How many keys there are under each key-encryption key; without one those that were destroyed.
pub const COUNT: &str = "SELECT kek, count(*) AS keys FROM vault.keys GROUP BY kek ORDER BY kek";

/// Some keys that another key-encryption key wraps.
pub const OUTDATED: &str = "
SELECT tenant, id, kek, wrapped FROM vault.keys WHERE kek <> $1 AND wrapped IS NOT NULL LIMIT $2";

/// Keys under another key-encryption key, unless they were destroyed or wrapped anew meanwhile.
pub const REWRAP: &str = "
UPDATE vault.keys SET kek = $1, wrapped = made.w
FROM unnest($2::uuid[], $3::uuid[], $4::bytea[], $5::bytea[]) AS made (t, i, before, w)
WHERE tenant = made.t AND id = made.i AND wrapped = made.before";

/// Says whose keys are.
pub const BELONG: &str = "
INSERT INTO vault.subjects (tenant, subject, type, key)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[])
ON CONFLICT DO NOTHING";

/// Says who was erased.
pub const ERASE: &str = "
INSERT INTO vault.erasures (tenant, subject, position, erased_at)
VALUES ($1, $2, $3, to_timestamp(($4::bigint / 1000000.0)::double precision))
ON CONFLICT DO NOTHING";

/// Says which records are forgotten for being over for long enough.
pub const RETIRE: &str = "
INSERT INTO vault.erasures (tenant, subject, position, erased_at)
SELECT t, s, 'retention', now() FROM unnest($1::uuid[], $2::uuid[]) AS due (t, s)
ON CONFLICT DO NOTHING";

/// Destroys the keys of those of these subjects who were erased; those destroyed already are left alone.
pub const DESTROY: &str = "
INSERT INTO vault.keys (tenant, id, destroyed_at)
SELECT DISTINCT tenant, key, now() FROM (
    SELECT tenant, subject, subject AS key FROM vault.erasures
    UNION SELECT tenant, subject, key FROM vault.subjects JOIN vault.erasures USING (tenant, subject)
) AS due
WHERE (tenant, subject) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))
ON CONFLICT (tenant, id) DO UPDATE SET kek = NULL, wrapped = NULL, destroyed_at = now()
WHERE keys.destroyed_at IS NULL";

/// What was destroyed just now is to be forgotten by every store, once more where it had forgotten already.
pub const FORGET_ANEW: &str = "
UPDATE vault.erasures AS e SET destroyed_at = now(), caches_at = NULL, postgres_at = NULL, search_at = NULL, sign_in_at = NULL, keys =
    (SELECT count(*) FROM vault.keys k WHERE k.tenant = e.tenant AND k.destroyed_at IS NOT NULL AND (k.id = e.subject OR k.id IN
        (SELECT key FROM vault.subjects s WHERE s.tenant = e.tenant AND s.subject = e.subject)))
WHERE (tenant, subject) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))";

/// Who was erased and is not forgotten by a store yet; `settled` says whether the keys were destroyed longer ago than the time given,
/// in seconds.
pub const OPEN: &str = "
SELECT tenant, subject, destroyed_at < now() - make_interval(secs => $1) AS settled,
    caches_at IS NULL AS in_caches, postgres_at IS NULL AS in_postgres, search_at IS NULL AS in_search,
    sign_in_at IS NULL AS in_sign_in, position <> 'retention' AS of_person
FROM vault.erasures WHERE destroyed_at IS NOT NULL AND (caches_at IS NULL OR postgres_at IS NULL OR search_at IS NULL
    OR sign_in_at IS NULL)
ORDER BY destroyed_at LIMIT 1000";

/// What is about a subject, beside the subject itself.
pub const ABOUT: &str = "SELECT type, key FROM vault.subjects WHERE tenant = $1 AND subject = $2 ORDER BY type, key";

/// The caches of all processes have forgotten.
pub const CACHES_FORGOT: &str =
    "UPDATE vault.erasures SET caches_at = now() WHERE tenant = $1 AND subject = $2 AND caches_at IS NULL";

/// The views have forgotten.
pub const POSTGRES_FORGOT: &str =
    "UPDATE vault.erasures SET postgres_at = now() WHERE tenant = $1 AND subject = $2 AND postgres_at IS NULL";

/// The search index has forgotten.
pub const SEARCH_FORGOT: &str =
    "UPDATE vault.erasures SET search_at = now() WHERE tenant = $1 AND subject = $2 AND search_at IS NULL";

/// Sign-in has forgotten.
pub const SIGN_IN_FORGOT: &str =
    "UPDATE vault.erasures SET sign_in_at = now() WHERE tenant = $1 AND subject = $2 AND sign_in_at IS NULL";

/// The certificate of an erasure: times as texts.
pub const CERTIFICATE: &str = "
SELECT position, erased_at::text AS erased_at, keys, destroyed_at::text AS destroyed_at, caches_at::text AS caches_at,
    postgres_at::text AS postgres_at, search_at::text AS search_at, sign_in_at::text AS sign_in_at
FROM vault.erasures WHERE tenant = $1 AND subject = $2";

/// Keys after an id, for a backup.
pub const DUMP: &str = "
SELECT tenant, id, kek, wrapped, made_at::text AS made_at, destroyed_at::text AS destroyed_at FROM vault.keys
WHERE (tenant, id) > ($1, $2) ORDER BY tenant, id LIMIT $3";

/// Keys of a backup. What is there stays as it is, so a tombstone that is newer than the backup holds; a tombstone of the backup
/// destroys what is there.
pub const RESTORE: &str = "
INSERT INTO vault.keys (tenant, id, kek, wrapped, made_at, destroyed_at)
SELECT t, i, k, w, m::timestamptz, d::timestamptz
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::text[]) AS kept (t, i, k, w, m, d)
ON CONFLICT (tenant, id) DO UPDATE SET kek = NULL, wrapped = NULL, destroyed_at = excluded.destroyed_at
WHERE keys.destroyed_at IS NULL AND excluded.destroyed_at IS NOT NULL";

/// Every statement, for the test that prepares them.
pub const ALL: &[&str] = &[
    LOCK_SCHEMA,
    FIND,
    MAKE,
    COUNT,
    OUTDATED,
    REWRAP,
    BELONG,
    ERASE,
    RETIRE,
    DESTROY,
    FORGET_ANEW,
    OPEN,
    ABOUT,
    CACHES_FORGOT,
    POSTGRES_FORGOT,
    SEARCH_FORGOT,
    SIGN_IN_FORGOT,
    CERTIFICATE,
    DUMP,
    RESTORE,
];
