//! Somebody who reads all the while: a list, a document and a search. While a process is replaced nobody may be there;
//! who is there has to answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::system::{Receipt, Tenant};

/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// Somebody who reads.
pub struct Reader {
    enough: Arc<AtomicBool>,
    reading: tokio::task::JoinHandle<Read>,
}

/// What they saw.
#[derive(Debug, Default)]
pub struct Read {
    /// Answers.
    pub answered: usize,
    /// Questions at which nobody was there.
    pub absent: usize,
    /// Those that were told to come back later: a store was too slow.
    pub later: usize,
    /// What was answered that is no answer.
    pub wrong: Vec<String>,
}

impl Reader {
    /// Begins to read what that tenant has, and this incident.
    pub fn begin(tenant: &Arc<Tenant>, incident: &Receipt) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let (tenant, stop) = (Arc::clone(tenant), Arc::clone(&enough));
        let paths =
            ["incidents?limit=20".to_owned(), format!("incidents/{}", incident.id), "search?q=balanced".to_owned()];
        let reading = tokio::spawn(async move {
            let mut read = Read::default();
            for path in paths.iter().cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                match tenant.agent.get(path).try_send().await {
                    Ok(answer) if answer.status == 200 => read.answered += 1,
                    Ok(answer) if answer.code() == "UNAVAILABLE" => read.later += 1,
                    Ok(answer) => read.wrong.push(format!("{answer:?}")),
                    Err(_) => read.absent += 1,
                }
                tokio::time::sleep(PAUSE).await;
            }
            read
        });
        Self { enough, reading }
    }

    /// Ends, with what they saw.
    pub async fn end(self) -> Read {
        self.enough.store(true, Ordering::Relaxed);
        self.reading.await.unwrap()
    }
}
