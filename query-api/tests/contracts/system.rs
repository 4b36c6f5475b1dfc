//! The query API in this process, on the stores of the running system, with an issuer of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use daybook_kernel::Tenant;
use daybook_platform::auth::Claims;
use daybook_platform::issuer::Issuer;
use daybook_platform::sections::{Auth, Http, Postgres as PostgresSettings};
use daybook_platform::{Authenticator, edge, settings};
use daybook_query_api::app::{App, Parts, Tides};
use daybook_query_api::history::Reader;
use daybook_query_api::routes::routes;
use daybook_query_api::settings::Settings;
use daybook_query_api::standings::Standings;
use daybook_query_api::stores::{clickhouse::Clickhouse, opensearch::Opensearch, postgres::Postgres};
use daybook_schemas::sealing::Sealer;
use daybook_vault::Vault;
use serde_json::Value as Json;
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tower::ServiceExt as _;
use uuid::Uuid;

/// How long a request of a test waits for a position.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// The key of personal data in these tests.
pub const KEY: [u8; 32] = [7; 32];

/// The system under test.
pub struct System {
    /// The router, with the edge around it.
    pub router: Router,
    /// Postgres as its owner, who sees and writes all rows.
    pub owner: PgPool,
    issuer: Issuer,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Json,
}

impl Answer {
    /// The error's code.
    pub fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// The ids of the items.
    pub fn ids(&self) -> Vec<Uuid> {
        let items = self.body["items"].as_array().unwrap_or_else(|| panic!("{}", self.body));
        items.iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect()
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The tenant.
    pub tenant: Tenant,
    /// Permissions.
    pub permissions: Vec<String>,
}

impl Asker {
    /// Somebody who may read everything of that tenant.
    pub fn of(tenant: Tenant) -> Self {
        Self { tenant, permissions: vec!["*".into()] }
    }

    /// Somebody who may do just that.
    pub fn who_may(tenant: Tenant, permissions: &[&str]) -> Self {
        Self { tenant, permissions: permissions.iter().map(|name| (*name).to_owned()).collect() }
    }
}

/// The folder of the running system.
pub fn state() -> PathBuf {
    let config = std::env::var("DAYBOOK_CONFIG").expect("DAYBOOK_CONFIG names the settings of the running system");
    Path::new(&config).parent().unwrap().to_owned()
}

fn read_as(settings: &PostgresSettings, user: &str, secret: &str) -> PostgresSettings {
    let password = std::fs::read_to_string(state().join("secrets").join(secret)).unwrap();
    PostgresSettings { user: user.into(), password: Some(daybook_platform::Secret::new(password)), ..settings.clone() }
}

/// How the query API connects to Postgres.
pub fn reader(settings: &PostgresSettings) -> PostgresSettings {
    read_as(settings, "daybook_app", "postgres-app")
}

impl System {
    /// The system of the settings.
    pub async fn open() -> Self {
        let settings: Settings = settings::load().unwrap();
        Self::with(settings).await
    }

    /// The system with other settings, as when a store is away.
    pub async fn with(mut settings: Settings) -> Self {
        let folder = std::env::temp_dir().join(format!("daybook-query-api-{}", Uuid::now_v7()));
        Issuer::init(&folder).unwrap();
        settings.auth = Auth { jwks: folder.join("jwks.json").display().to_string(), ..Auth::default() };
        let issuer = Issuer::open(&folder, &settings.auth).unwrap();
        let authenticator = Arc::new(Authenticator::new(&settings.auth).await.unwrap());
        std::fs::remove_dir_all(&folder).unwrap();

        let owner: PgConnectOptions = settings.postgres.url.parse().unwrap();
        let of_owner = read_as(&settings.postgres, "daybook_owner", "postgres-owner");
        let owner = owner.username(&of_owner.user).password(of_owner.password.as_ref().unwrap().expose());
        let postgres = Postgres::open(&reader(&settings.postgres)).unwrap();
        let mut reader = settings.clickhouse.clone();
        let password = std::fs::read_to_string(state().join("secrets/clickhouse-query")).unwrap();
        (reader.user, reader.password) = ("daybook_query".into(), Some(daybook_platform::Secret::new(password)));
        let clickhouse = Clickhouse::open(&reader, "");
        let opensearch = Opensearch::open(&settings.opensearch, "").unwrap();
        let tides = Tides::watch(&postgres, &clickhouse, &opensearch, PATIENCE);
        let app = App::new(Parts {
            authenticator,
            standings: Standings::default(),
            vault: Vault::derived(Sealer::new(&KEY)),
            history: Reader::default(),
            postgres,
            clickhouse,
            opensearch,
            tides,
            settings: settings.query_api.clone(),
        });
        let router = edge::guard(routes(app), &Http::default());
        Self { router, owner: PgPool::connect_lazy_with(owner), issuer }
    }

    /// A token for somebody.
    pub fn token(&self, asker: &Asker) -> String {
        let tenant = if asker.tenant.is_nil() { "platform".to_owned() } else { asker.tenant.to_string() };
        let claims = Claims {
            sub: Uuid::from_u128(42),
            tenant_id: tenant,
            roles: Vec::new(),
            permissions: asker.permissions.clone(),
            jti: None,
            sid: None,
            client_id: None,
            amr: Vec::new(),
        };
        self.issuer.mint(claims, Duration::from_secs(600)).unwrap()
    }

    /// Asks for a path below `/api/v1`.
    pub async fn get(&self, asker: &Asker, path: &str) -> Answer {
        self.get_with(asker, path, &[]).await
    }

    /// Asks with headers.
    pub async fn get_with(&self, asker: &Asker, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            Request::get(format!("/api/v1{path}")).header("authorization", format!("Bearer {}", self.token(asker)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
        let body = if bytes.is_empty() { Json::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }
}
