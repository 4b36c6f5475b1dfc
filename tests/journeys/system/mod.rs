//! The system under test: where it listens, and the scripts by which it is started, killed and waited for.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, resume_unwind},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use serde_json::Value as Json;

pub mod balancer;
pub mod browser;
mod caller;
pub mod door;
pub mod forger;
pub mod journal;
pub mod keycloak;
pub mod load;
pub mod provider;
pub mod stores;
mod tenant;

pub use caller::{Answer, Ask, Caller, Receipt};
pub use tenant::{Tenant, fresh, organization};

/// Our processes that follow the journals.
pub const PROJECTORS: [&str; 4] = ["projector-postgres", "projector-clickhouse", "projector-search", "publisher"];

/// A system: its folder, its ports, and what is said to its processes beyond their settings.
#[derive(Clone)]
pub struct System {
    state: PathBuf,
    offset: u16,
    /// The checkout whose scripts start its processes.
    pub release: PathBuf,
    environment: Vec<(String, String)>,
    /// For what no caller asks.
    pub http: reqwest::Client,
}

impl System {
    /// The system that runs, as `make test` has started it.
    pub fn running() -> Self {
        let told =
            |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set: journeys run by `make test`"));
        Self::at(PathBuf::from(told("DAYBOOK_STATE")), told("DAYBOOK_PORT_OFFSET").parse().unwrap())
    }

    /// One of its own, beside the one that runs; nothing of it is started yet.
    pub fn apart(name: &str) -> Self {
        let beside = Self::running();
        // Still below the range from which the kernel takes ports for clients.
        let offset = if beside.offset < 7_000 { beside.offset + 5_500 } else { beside.offset - 5_500 };
        Self::at(beside.state.join(name), offset)
    }

    fn at(state: PathBuf, offset: u16) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).tcp_nodelay(true).build().unwrap();
        Self { state, offset, release: root().to_owned(), environment: Vec::new(), http }
    }

    /// The same system, its processes started with this variable from here on.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder of everything the system writes.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The port that stands for this one of the default system.
    pub fn port(&self, base: u16) -> u16 {
        base + self.offset
    }

    /// The address of a process or component that speaks HTTP.
    pub fn url(&self, name: &str) -> String {
        let base = match name {
            "command-api" => 18_000,
            "command-api-2" => 18_001,
            "query-api" => 18_010,
            "projector-postgres" => 18_021,
            "projector-clickhouse" => 18_022,
            "projector-search" => 18_023,
            "publisher" => 18_024,
            "policies" => 18_025,
            "sign-in" => 18_030,
            "eraser" => 18_029,
            "keycloak" => 18_080,
            "clickhouse" => 18_123,
            "opensearch" => 19_200,
            other => panic!("{other} speaks no HTTP here"),
        };
        format!("http://127.0.0.1:{}", self.port(base))
    }

    /// Where Kafka listens.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port(19_092))
    }

    /// A secret of the system.
    pub fn secret(&self, name: &str) -> String {
        fs::read_to_string(self.state.join("secrets").join(name)).unwrap().trim().to_owned()
    }

    /// Does something with the components: `start`, `wait`, `kill`, `stop`, `purge`.
    pub async fn stack(&self, arguments: &[&str]) -> String {
        self.run(&root().join("deploy/local/stack"), arguments)
            .await
            .unwrap_or_else(|said| panic!("stack {arguments:?}: {said}"))
    }

    /// Does something with our own processes: `start`, `wait`, `kill`, `stop`.
    pub async fn services(&self, arguments: &[&str]) -> String {
        self.try_services(arguments).await.unwrap_or_else(|said| panic!("services {arguments:?}: {said}"))
    }

    /// The same, where it may fail: what was said then.
    pub async fn try_services(&self, arguments: &[&str]) -> Result<String, String> {
        self.run(&self.release.join("deploy/local/services"), arguments).await
    }

    /// Runs `daybook`, the operator's tool.
    pub async fn daybook(&self, arguments: &[&str]) -> Result<String, String> {
        self.run(&binaries().join("daybook"), arguments).await
    }

    /// Runs one of our binaries or scripts against this system; what it said on both ways, as `Err` where it failed.
    pub async fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(root())
            .env("DAYBOOK_STATE", &self.state)
            .env("DAYBOOK_PORT_OFFSET", self.offset.to_string())
            .env("DAYBOOK_CONFIG", self.state.join("daybook.toml"))
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(said),
            false => Err(said + &String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Kills a process of ours and starts it again.
    pub async fn crash(&self, service: &str) {
        self.services(&["kill", service]).await;
        self.services(&["start", service]).await;
    }

    /// Kills a component and starts it again.
    pub async fn crash_component(&self, component: &str) {
        self.stack(&["kill", component]).await;
        self.stack(&["start", component]).await;
    }

    /// Starts whatever of the components and of our processes does not run, and waits until all are ready.
    pub async fn mend(&self) {
        self.stack(&["start"]).await;
        self.stack(&["wait"]).await;
        self.services(&["start"]).await;
        self.services(&["wait"]).await;
    }

    /// What a process of ours answers to `/health/ready`: its status (0 where nobody answers) and its words.
    pub async fn health(&self, service: &str) -> (u16, Json) {
        match self.http.get(format!("{}/health/ready", self.url(service))).send().await {
            Ok(response) => (response.status().as_u16(), response.json().await.unwrap_or_default()),
            Err(_) => (0, Json::Null),
        }
    }

    /// A figure that a process of ours tells: the sum of those whose line begins like this.
    pub async fn figure(&self, service: &str, begins: &str) -> f64 {
        let told = match self.http.get(format!("{}/metrics", self.url(service))).send().await {
            Ok(response) => response.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        let lines = told.lines().filter(|line| line.starts_with(begins));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Whether an instance of the command API decides the incidents of a partition.
    pub async fn serves(&self, instance: &str, partition: i32) -> bool {
        let name = format!("daybook_journal_serving{{topic=\"journal.incident\",partition=\"{partition}\"}}");
        self.figure(instance, &name).await > 0.0
    }

    /// Sends a signal to a process of ours, such as `-STOP`.
    pub fn signal(&self, service: &str, signal: &str) {
        let file = fs::read_to_string(self.state.join("run").join(format!("{service}.pid"))).unwrap();
        let pid = file.split_whitespace().next().unwrap();
        assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
    }

    /// The log of a process or component, of its present run.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.state.join("logs").join(format!("{name}.log"))).unwrap_or_default()
    }
}

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where `cargo build` puts our binaries.
pub fn binaries() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("debug")
}

/// Goes on a journey that breaks something, and mends it whatever becomes of the journey: the next one finds the system whole.
pub async fn mended(journey: impl Future<Output = ()>, mend: impl Future<Output = ()>) {
    let ended = AssertUnwindSafe(journey).catch_unwind().await;
    mend.await;
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

/// Waits until something is so, for at most `seconds`; what it is then. The last look is shown where it never came to be.
pub async fn eventually<T>(what: &str, seconds: u64, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(last) if begun.elapsed() > Duration::from_secs(seconds) => {
                panic!("{what}: not within {seconds} s; at last {last}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
