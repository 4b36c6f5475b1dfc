//! The stores that answers are read from, each filled by a projector of its own.

pub mod clickhouse;
pub mod fault;
pub mod opensearch;
pub mod postgres;

pub use fault::Fault;

/// A store, as answers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Store {
    /// The default views and the entries.
    Postgres,
    /// The facts and figures.
    Clickhouse,
    /// The search index.
    Opensearch,
}

impl Store {
    /// Its name in answers, settings, health and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Store::Postgres => "postgres",
            Store::Clickhouse => "clickhouse",
            Store::Opensearch => "opensearch",
        }
    }
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
