//! The test stand: a router served on a port of its own, and a folder of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use daybook_platform::sections::Http;
use daybook_platform::{Health, Shutdown, edge, serve};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Below the ephemeral range, where a client polling a free port could meet itself.
static PORT: AtomicU16 = AtomicU16::new(25100);

/// An address that no other test of this run uses.
pub fn address() -> String {
    format!("127.0.0.1:{}", PORT.fetch_add(1, Ordering::Relaxed))
}

/// A folder that goes when the test ends.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("daybook-platform-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A service that runs.
pub struct Service {
    pub address: String,
    pub health: Health,
    pub shutdown: Shutdown,
    pub ended: JoinHandle<()>,
}

impl Service {
    /// Serves routes behind the edge, with quick deadlines so that tests are quick.
    pub async fn start(routes: Router) -> Self {
        Self::with(quick(), |settings| edge::guard(routes, settings)).await
    }

    /// Serves what `guarded` makes of these settings.
    pub async fn with(settings: Http, guarded: impl FnOnce(&Http) -> Router) -> Self {
        let listener = serve::bind(&settings).await.unwrap();
        let (health, shutdown) = (Health::new(), Shutdown::new());
        let ended = tokio::spawn({
            let (settings, health, shutdown) = (settings.clone(), health.clone(), shutdown.clone());
            let router = guarded(&settings);
            async move { serve::serve(listener, router, &settings, &health, &shutdown).await }
        });
        Self { address: settings.listen, health, shutdown, ended }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// An address of its own, and quick deadlines.
pub fn quick() -> Http {
    Http {
        listen: address(),
        body_limit: 64 * 1024,
        timeout_ms: 400,
        header_timeout_ms: 300,
        drain_ms: 1000,
        ..Http::default()
    }
}

/// A client that waits long enough for every answer.
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}
