//! Every statement of ours is one that the real schema understands, and keys rotate on the real tables.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{sync::Arc, time::Duration};

use daybook_platform::{auth::Claims, settings};
use daybook_sign_in::{
    keys::Keys,
    sealed::Safe,
    settings::{Settings, SignIn},
    sql,
    store::{Fault, Given, Store},
    tokens,
};
use sqlx::{Executor as _, SqlSafeStr as _};
use uuid::Uuid;

/// The store of the running system, with a key of the test's own.
async fn store(settings: &Settings, key: &str) -> Arc<Store> {
    let store = Store::open(&settings.postgres, Safe::from_hex(&key.repeat(32)).unwrap()).unwrap();
    store.prepare().await.unwrap();
    Arc::new(store)
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn the_schema_understands_every_statement() {
    let settings: Settings = settings::load().unwrap();
    let store = store(&settings, "5a").await;
    let mut connection = store.pool().acquire().await.unwrap();
    for statement in sql::ALL {
        let prepared = connection.prepare((*statement).into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}\n{}", prepared.err().unwrap());
    }
}

#[tokio::test]
#[ignore = "needs the running system"]
async fn secrets_are_kept_sealed_and_tokens_as_hashes() {
    let settings: Settings = settings::load().unwrap();
    let store = store(&settings, "5a").await;
    let (tenant, owner) = (Uuid::new_v4(), Uuid::new_v4());
    let id = store.keep("totp", tenant, owner, b"a seed to look for").await.unwrap();
    assert_eq!(store.secret("totp", tenant, owner, id).await.unwrap().unwrap(), b"a seed to look for");
    for (kind, tenant, owner) in [("password", tenant, owner), ("totp", owner, owner), ("totp", tenant, tenant)] {
        assert!(store.secret(kind, tenant, owner, id).await.unwrap().is_none(), "somebody else's");
    }
    let other = self::store(&settings, "5b").await;
    assert!(matches!(other.secret("totp", tenant, owner, id).await, Err(Fault::Unopenable)));

    let token = tokens::fresh("dbv");
    let give = async |token: &str, lifetime: Option<Duration>| {
        store.give(token, Given { kind: "verify", tenant, owner, lifetime, ..Given::default() }).await.unwrap()
    };
    let id = give(&token, Some(Duration::from_secs(60))).await;
    let shown = store.shown(&token, &["reset", "verify"]).await.unwrap().unwrap();
    assert_eq!((shown.id, shown.tenant, shown.owner), (id, tenant, owner));
    assert!(store.shown(&token, &["reset"]).await.unwrap().is_none(), "of another kind");
    let spent = tokens::fresh("dbv");
    give(&spent, Some(Duration::ZERO)).await;
    assert!(store.shown(&spent, &["verify"]).await.unwrap().is_none(), "it has run out");
    let rows = sqlx::query("SELECT FROM sign_in.secrets s, sign_in.tokens t WHERE s::text || t::text LIKE $1");
    let clear = format!("%{}%", &token[4..]);
    assert!(rows.bind(clear).fetch_optional(store.pool()).await.unwrap().is_none());
}

/// Rotates on a copy of the table, so that the running service is left alone.
#[tokio::test]
#[ignore = "needs the running system"]
async fn the_next_key_is_published_before_it_signs() {
    let mut settings: Settings = settings::load().unwrap();
    let database = format!("sign_in_{}", Uuid::new_v4().simple());
    let owner = store(&settings, "5a").await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(owner.pool()).await.unwrap();
    settings.postgres.url = format!("{}/{database}", settings.postgres.url.rsplit_once('/').unwrap().0);
    let store = store(&settings, "5a").await;
    let of =
        |key_notice_s: u32| Keys::new(store.clone(), &settings.auth, &SignIn { key_notice_s, ..SignIn::default() });
    let signed_by = async |keys: &Keys| {
        let claims: Claims =
            serde_json::from_value(serde_json::json!({ "sub": Uuid::nil(), "tenant_id": "platform" })).unwrap();
        let token = keys.sign(claims, Duration::from_secs(60)).await.unwrap();
        jsonwebtoken::decode_header(&token).unwrap().kid.unwrap()
    };
    let published = async |keys: &Keys| keys.published().await["keys"].as_array().unwrap().len();
    let due =
        async || sqlx::query("UPDATE sign_in.signing_keys SET due_at = now()").execute(store.pool()).await.unwrap();

    // Two instances that begin together have one key.
    let (one, other) = (of(900), of(900));
    let (begun, also) = tokio::join!(one.renew(), other.renew());
    begun.and(also).unwrap();
    one.renew().await.unwrap();
    other.renew().await.unwrap();
    let first = signed_by(&one).await;
    assert_eq!((published(&one).await, signed_by(&other).await), (1, first.clone()));

    due().await;
    one.renew().await.unwrap();
    one.renew().await.unwrap();
    assert_eq!(
        (published(&one).await, signed_by(&one).await),
        (2, first.clone()),
        "it is known, and does not sign yet"
    );
    sqlx::query("UPDATE sign_in.signing_keys SET signs_from = now() - interval '1 ms' WHERE kid <> $1")
        .bind(&first)
        .execute(store.pool())
        .await
        .unwrap();
    one.renew().await.unwrap();
    assert_ne!(signed_by(&one).await, first);
    store.tidy(Duration::from_secs(60)).await.unwrap();
    one.renew().await.unwrap();
    assert_eq!(published(&one).await, 2, "tokens of the one before may still hold");
    store.tidy(Duration::ZERO).await.unwrap();
    one.renew().await.unwrap();
    assert_eq!(published(&one).await, 1);

    sqlx::query("UPDATE sign_in.signing_keys SET withdrawn_at = now()").execute(store.pool()).await.unwrap();
    other.renew().await.unwrap();
    assert_eq!(published(&other).await, 1, "a new one takes the place of those withdrawn");
    store.pool().close().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE {database} WITH (FORCE)")))
        .execute(owner.pool())
        .await
        .unwrap();
}
