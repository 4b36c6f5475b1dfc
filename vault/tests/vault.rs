//! The vault on a real Postgres: keys are made once whoever asks, forgotten when destroyed, wrapped anew while they are used.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use daybook_kernel::{Datum, RecordShape, Sealed, Time, json, log::Item};
use daybook_platform::sections::Postgres;
use daybook_schemas::sealing::{DataKey, Sealer, Unopenable};
use daybook_vault::{
    FolderKeys, Options, Vault, VaultError, dump,
    erasure::{self, About, Erased, Place},
    prepare, rotation, sql,
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use uuid::Uuid;

const TENANT: Uuid = Uuid::from_u128(0x7e);
const OTHER: Uuid = Uuid::from_u128(0x7f);
const ANN: Uuid = Uuid::from_u128(1);
const LIFT: Uuid = Uuid::from_u128(2);

/// What a text is sealed in.
#[derive(Debug, Clone, PartialEq, daybook_kernel::Body)]
struct Note {
    /// The text.
    text: daybook_kernel::Personal<daybook_kernel::Line<40>>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Stack {
    postgres: Postgres,
}

/// A database of the test's own, and the folder of its key-encryption keys.
struct House {
    admin: PgPool,
    name: String,
    pool: PgPool,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let mut settings = daybook_platform::settings::load::<Stack>().unwrap().postgres;
        let admin = daybook_vault::pool(&settings).unwrap();
        let name = format!("test_vault{}", &Uuid::new_v4().simple().to_string()[..8]);
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (server, _) = settings.url.rsplit_once('/').unwrap();
        settings.url = format!("{server}/{name}");
        let pool = daybook_vault::pool(&settings).unwrap();
        for _ in 0..2 {
            prepare(&pool, "daybook_app").await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        FolderKeys::make(folder.path(), "0001").unwrap();
        Self { admin, name, pool, folder }
    }

    /// A process of its own, that keeps keys so long.
    fn process(&self, lifetime: Duration) -> Vault {
        let kek = Arc::new(FolderKeys::open(self.folder.path()).unwrap());
        Vault::open(Sealer::new(&[7; 32]), self.pool.clone(), kek, Options { lifetime, capacity: 1_000 })
    }

    fn kek(&self) -> FolderKeys {
        FolderKeys::open(self.folder.path()).unwrap()
    }

    async fn count(&self, of: &'static str) -> i64 {
        sqlx::query_scalar(of).fetch_one(&self.pool).await.unwrap()
    }

    async fn hear(&self, about: &[About], erased: &[Erased]) -> u64 {
        erasure::hear(&mut self.pool.acquire().await.unwrap(), about, erased).await.unwrap()
    }

    async fn end(self) {
        self.pool.close().await;
        self.admin.execute(AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name))).await.unwrap();
    }
}

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(1);

fn sealed(key: &DataKey, text: &str) -> Sealed {
    let shape: &RecordShape = Note::RECORD;
    let mut datum = json::parse(shape, &serde_json::json!({ "text": text })).unwrap();
    key.seal(shape, &mut datum).unwrap();
    match datum {
        Datum::Record(mut fields) => match fields.remove(0) {
            Datum::Sealed(sealed) => *sealed,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn opened(vault: &Vault, tenant: Uuid, sealed: &Sealed) -> Result<Option<String>, Unopenable> {
    vault.ring([(tenant, sealed.key)]).await.unwrap().open_text(tenant, sealed)
}

fn about(key: Uuid) -> About {
    About { tenant: TENANT, subject: ANN, type_name: "incident.Incident", key }
}

fn erased() -> Erased {
    Erased { tenant: TENANT, subject: ANN, position: "journal.identity/1#4".into(), at: Time(1_767_225_600_000_000) }
}

#[tokio::test]
#[ignore = "needs Postgres, see make test"]
async fn every_statement_can_be_prepared() {
    let house = House::new().await;
    let mut connection = house.pool.acquire().await.unwrap();
    for statement in sql::ALL {
        let prepared = connection.prepare(sqlx::SqlSafeStr::into_sql_str(*statement)).await;
        prepared.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    drop(connection);
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres, see make test"]
async fn a_key_is_made_once_whoever_asks_at_the_same_time() {
    let house = House::new().await;
    let processes = [house.process(LONG), house.process(LONG), house.process(LONG)];
    let mut asked = Vec::new();
    for n in 0..300_usize {
        let vault = processes[n % 3].clone();
        asked.push(tokio::spawn(async move {
            sealed(&vault.key_to_seal(TENANT, Uuid::from_u128(n as u128 / 30)).await.unwrap(), "x")
        }));
    }
    let mut made = BTreeSet::new();
    for asked in asked {
        let sealed = asked.await.unwrap();
        made.insert((sealed.key, sealed.ciphertext.to_vec()));
    }
    assert_eq!(made.len(), 10, "one key for each id, so the same bytes for the same text");
    assert_eq!(house.count("SELECT count(*) FROM vault.keys").await, 10);
    // Another tenant's key of the same id is another.
    let theirs = sealed(&processes[0].key_to_seal(OTHER, ANN).await.unwrap(), "x");
    assert_eq!(opened(&processes[1], OTHER, &theirs).await, Ok(Some("x".into())));
    assert_eq!(opened(&processes[1], TENANT, &theirs).await, Err(Unopenable));
    house.end().await;
}

#[tokio::test]
#[ignore = "needs Postgres, see make test"]
async fn a_known_key_needs_no_postgres_and_without_it_nothing_is_sealed() {
    let house = House::new().await;
    let vault = house.process(LONG);
    let before = sealed(&vault.key_to_seal(TENANT, ANN).await.unwrap(), "x");
    house.pool.close().await;
    assert_eq!(sealed(&vault.key_to_seal(TENANT, ANN).await.unwrap(), "x"), before);
    assert_eq!(opened(&vault, TENANT, &before).await, Ok(Some("x".into())));
    assert!(matches!(vault.key_to_seal(TENANT, LIFT).await, Err(VaultError::Away(_))));
    assert!(matches!(vault.ring([(TENANT, LIFT)]).await, Err(VaultError::Away(_))));
    house.end().await;
}

#[tokio::test]
#[ignore = "needs Postgres, see make test"]
async fn who_is_erased_takes_along_all_that_was_about_the_person_and_nothing_else() {
    let house = House::new().await;
    let (vault, slow) = (house.process(SHORT), house.process(LONG));
    let texts = async |vault: &Vault, sealed: &[Sealed]| {
        let mut texts = Vec::new();
        for sealed in sealed {
            texts.push(opened(vault, TENANT, sealed).await.unwrap());
        }
        texts
    };
    let bystander = Uuid::from_u128(9);
    let mut all = Vec::new();
    for id in [ANN, LIFT, bystander] {
        all.push(sealed(&vault.key_to_seal(TENANT, id).await.unwrap(), "x"));
    }
    let x = || Some("x".to_owned());
    assert_eq!(texts(&slow, &all).await, [x(), x(), x()]);
    assert_eq!(house.hear(&[about(LIFT)], &[]).await, 0);
    assert_eq!(erasure::certificate(&house.pool, TENANT, ANN).await.unwrap(), None);
    assert_eq!(house.hear(&[], &[erased()]).await, 2);
    assert_eq!(house.hear(&[], &[erased()]).await, 0, "twice the same is once");
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(texts(&vault, &all).await, [None, None, x()]);
    assert_eq!(texts(&slow, &all).await, [x(), x(), x()], "another process knows it for its lifetime still");
    slow.forget(TENANT, ANN);
    assert_eq!(texts(&slow, &all).await, [None, x(), x()]);

    // What is written about the incident afterwards was never Ann's.
    let after = sealed(&vault.key_to_seal(TENANT, LIFT).await.unwrap(), "x");
    assert_ne!(after.key, LIFT);
    assert_eq!(opened(&vault, TENANT, &after).await, Ok(x()));

    // An incident that is heard of too late, and one from before there was a vault.
    let (late, derived) = (Uuid::from_u128(10), Uuid::from_u128(11));
    let late = sealed(&vault.key_to_seal(TENANT, late).await.unwrap(), "x");
    let derived = sealed(&Sealer::new(&[7; 32]).derived(TENANT, derived), "x");
    assert_eq!(opened(&vault, TENANT, &derived).await, Ok(x()));
    assert_eq!(house.hear(&[about(late.key), about(derived.key)], &[]).await, 2);
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(texts(&vault, &[late, derived]).await, [None, None]);

    // The certificate is whole only when every place has forgotten.
    let open = erasure::open(&house.pool, LONG).await.unwrap();
    assert_eq!((open.len(), open[0].settled, open[0].in_search), (1, false, true));
    assert!(erasure::open(&house.pool, Duration::ZERO).await.unwrap()[0].settled);
    for place in [Place::Caches, Place::Postgres, Place::Search, Place::SignIn] {
        assert!(!erasure::certificate(&house.pool, TENANT, ANN).await.unwrap().unwrap().is_whole());
        erasure::certify(&house.pool, TENANT, ANN, place).await.unwrap();
    }
    let certificate = erasure::certificate(&house.pool, TENANT, ANN).await.unwrap().unwrap();
    assert!(certificate.is_whole() && certificate.keys == 4, "{certificate:?}");
    assert_eq!(erasure::open(&house.pool, LONG).await.unwrap(), []);
    house.end().await;
}

#[tokio::test]
#[ignore = "needs Postgres, see make test"]
async fn all_are_wrapped_anew_while_they_are_used_and_what_is_destroyed_stays_so() {
    let house = House::new().await;
    let vault = house.process(SHORT);
    let mut all = Vec::new();
    for n in 0..1_200 {
        all.push(sealed(&vault.key_to_seal(TENANT, Uuid::from_u128(100 + n)).await.unwrap(), "x"));
    }
    vault.key_to_seal(TENANT, ANN).await.unwrap();
    assert_eq!(house.hear(&[], &[erased()]).await, 1);
    std::thread::sleep(Duration::from_millis(20));
    FolderKeys::make(house.folder.path(), "0002").unwrap();
    let kek = house.kek();
    // It is broken off after the first part, by whatever: the rows say what is done.
    let mut parts = 0;
    let broken = tokio::time::timeout(Duration::from_secs(60), async {
        rotation::rotate(&house.pool, &kek, |_| parts += 1).await.unwrap()
    });
    assert_eq!(broken.await.unwrap(), 1_200);
    assert_eq!(parts, 3, "a part at a time");
    assert_eq!(rotation::rotate(&house.pool, &kek, |_| ()).await.unwrap(), 0);
    assert_eq!(rotation::status(&house.pool).await.unwrap(), [(Some("0002".into()), 1_200), (None, 1)]);
    // The old one is not needed any more.
    std::fs::remove_file(house.folder.path().join("0001")).unwrap();
    let anew = house.process(LONG);
    for sealed in [&all[0], &all[1_199]] {
        assert_eq!(opened(&anew, TENANT, sealed).await, Ok(Some("x".into())));
    }
    assert_eq!(vault.key_to_seal(TENANT, LIFT).await.map(|key| sealed(&key, "x").key), Ok(LIFT));
    // With the one in use gone, nothing opens, and it is said which is missing.
    std::fs::rename(house.folder.path().join("0002"), house.folder.path().join("0003")).unwrap();
    std::fs::write(house.folder.path().join("0003"), "ab".repeat(32)).unwrap();
    let locked = house.process(LONG).ring([(TENANT, LIFT)]).await.map(|_| ()).unwrap_err();
    assert!(locked.to_string().contains("no key-encryption key \"0002\""), "{locked}");
    house.end().await;
}

#[tokio::test]
#[ignore = "needs Postgres, see make test"]
async fn a_row_that_is_copied_or_altered_opens_nothing() {
    let house = House::new().await;
    let vault = house.process(SHORT);
    for id in [ANN, LIFT] {
        vault.key_to_seal(TENANT, id).await.unwrap();
    }
    let swap = "UPDATE vault.keys SET wrapped = (SELECT wrapped FROM vault.keys WHERE id = '00000000-0000-0000-0000-000000000002') \
        WHERE id = '00000000-0000-0000-0000-000000000001'";
    house.pool.execute(swap).await.unwrap();
    tokio::time::sleep(SHORT * 2).await;
    assert!(matches!(vault.ring([(TENANT, ANN)]).await.map(|_| ()), Err(VaultError::Locked(_))));
    house.end().await;
}

#[tokio::test]
#[ignore = "needs Postgres, see make test"]
async fn a_backup_brings_back_keys_and_never_one_that_was_destroyed() {
    let house = House::new().await;
    let vault = house.process(SHORT);
    let mut all = Vec::new();
    for id in [ANN, LIFT] {
        all.push(sealed(&vault.key_to_seal(TENANT, id).await.unwrap(), "x"));
    }
    let mut kept = Vec::new();
    let keep = async |kept: &mut Vec<dump::Kept>| {
        dump::keep(&house.pool, |one| {
            kept.push(one.clone());
            Ok::<(), VaultError>(())
        })
        .await
        .unwrap();
    };
    keep(&mut kept).await;
    assert_eq!(kept.len(), 2);
    house.hear(&[], &[erased()]).await;
    // The older backup over newer rows: the tombstone stands.
    dump::put(&house.pool, &kept).await.unwrap();
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(opened(&vault, TENANT, &all[0]).await, Ok(None));
    // A newer backup over nothing, and over an older state: the tombstone comes along.
    let mut newer = Vec::new();
    keep(&mut newer).await;
    for before in [&[][..], &kept[..]] {
        house.pool.execute("DELETE FROM vault.keys").await.unwrap();
        dump::put(&house.pool, before).await.unwrap();
        dump::put(&house.pool, &newer).await.unwrap();
        tokio::time::sleep(SHORT * 2).await;
        assert_eq!(opened(&vault, TENANT, &all[0]).await, Ok(None));
        assert_eq!(opened(&vault, TENANT, &all[1]).await, Ok(Some("x".into())));
    }
    // The older one alone: whoever hears the journal again destroys again.
    house.pool.execute("DELETE FROM vault.keys; DELETE FROM vault.erasures").await.unwrap();
    dump::put(&house.pool, &kept).await.unwrap();
    assert_eq!(house.hear(&[], &[erased()]).await, 1);
    house.end().await;
}

#[test]
fn a_folder_that_is_none_is_named() {
    let error = FolderKeys::open(Path::new("/nowhere/keys")).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/keys"), "{error}");
}
