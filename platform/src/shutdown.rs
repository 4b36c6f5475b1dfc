//! Shutdown: a process that is asked to stop finishes what it has begun, within a deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The wish that this process stops, seen by everyone who holds a clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    wish: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A wish that nobody has yet.
    pub fn new() -> Self {
        Self { wish: Arc::new(watch::Sender::new(false)) }
    }

    /// Listens for SIGTERM and SIGINT. The first asks for a shutdown; the second ends the process at once with status 130,
    /// for the operator who does not want to wait.
    pub fn on_signals() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::new();
        let asked = shutdown.clone();
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                }
            };
            let signal = next().await;
            tracing::info!(signal, "shutting down");
            asked.request();
            let signal = next().await;
            tracing::warn!(signal, "asked a second time: ending at once");
            std::process::exit(130);
        });
        Ok(shutdown)
    }

    /// Asks for the shutdown. Asking again changes nothing.
    pub fn request(&self) {
        self.wish.send_replace(true);
    }

    /// Whether the shutdown has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.wish.borrow()
    }

    /// Waits until the shutdown is asked for.
    pub async fn requested(&self) {
        // The sender lives as long as this clone, so the channel cannot close before.
        let _ = self.wish.subscribe().wait_for(|asked| *asked).await;
    }

    /// Runs `work` until it ends or the shutdown is asked for; `None` if the shutdown came first.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.requested() => None,
        }
    }

    /// Gives work already begun `deadline` to end; `false` (and a log line that names it) if it did not.
    pub async fn drain(what: &str, deadline: Duration, work: impl Future<Output = ()>) -> bool {
        let ended = tokio::time::timeout(deadline, work).await.is_ok();
        if !ended {
            tracing::warn!(what, deadline_ms = deadline.as_millis() as u64, "did not end within the deadline");
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_sees_the_wish_also_who_asks_late() {
        let shutdown = Shutdown::new();
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        assert!(!shutdown.is_requested());
        shutdown.request();
        waiting.await.unwrap();
        shutdown.requested().await;
        assert_eq!(shutdown.or(std::future::pending::<()>()).await, None);
        assert_eq!(shutdown.or(async { 7 }).await, Some(7));
    }

    #[tokio::test]
    async fn sigterm_is_the_wish() {
        let shutdown = Shutdown::on_signals().unwrap();
        let process = std::process::id().to_string();
        std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap();
        tokio::time::timeout(Duration::from_secs(5), shutdown.requested()).await.unwrap();
    }

    #[tokio::test]
    async fn draining_ends_at_the_deadline() {
        assert!(Shutdown::drain("quick work", Duration::from_secs(1), async {}).await);
        assert!(!Shutdown::drain("slow work", Duration::from_millis(10), std::future::pending()).await);
    }
}
