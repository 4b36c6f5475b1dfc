//! The clerk: gathers what is asked for while an answer is under way, so that Postgres is asked, and writes its log, once for all.

use std::{collections::HashMap, sync::Arc};

use daybook_schemas::sealing::Held;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use crate::{
    KeyEncryption, VaultError,
    store::{self, Name},
};

/// How many requests are answered at once, and how many may wait.
const TOGETHER: usize = 512;
const WAITING: usize = 4_096;

/// What somebody asks of the clerk.
struct Request {
    wanted: Vec<Name>,
    /// Whether what is not there is made.
    make: bool,
    answer: oneshot::Sender<Result<HashMap<Name, Held>, VaultError>>,
}

/// The way to the clerk.
#[derive(Clone)]
pub struct Clerk(mpsc::Sender<Request>);

impl Clerk {
    /// Starts the clerk, who works until nobody can ask any more.
    pub fn start(pool: PgPool, kek: Arc<dyn KeyEncryption>) -> Self {
        let (sender, mut requests) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut together = Vec::with_capacity(TOGETHER);
            while requests.recv_many(&mut together, TOGETHER).await > 0 {
                let answers = answer(&pool, kek.as_ref(), &together).await;
                let is_locked = matches!(answers, Err(VaultError::Locked(_)));
                for request in together.drain(..) {
                    // One key that does not unwrap is no reason to refuse the others.
                    let alone = match is_locked {
                        true => Some(answer(&pool, kek.as_ref(), std::slice::from_ref(&request)).await),
                        false => None,
                    };
                    let answers = alone.as_ref().unwrap_or(&answers);
                    let own = |found: &HashMap<Name, Held>| {
                        let of = |name: &Name| Some((*name, found.get(name)?.clone()));
                        request.wanted.iter().filter_map(of).collect()
                    };
                    // Who has gone away does not want it any more.
                    let _ = request.answer.send(answers.as_ref().map(own).map_err(Clone::clone));
                }
            }
        });
        Self(sender)
    }

    /// What is held of these keys.
    pub async fn ask(&self, wanted: Vec<Name>, make: bool) -> Result<HashMap<Name, Held>, VaultError> {
        let (answer, answered) = oneshot::channel();
        let gone = || VaultError::Away("the vault's clerk has ended".to_owned());
        self.0.try_send(Request { wanted, make, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => VaultError::Away("too many requests wait for the vault".to_owned()),
            mpsc::error::TrySendError::Closed(_) => gone(),
        })?;
        answered.await.map_err(|_| gone())?
    }
}

async fn answer(
    pool: &PgPool,
    kek: &dyn KeyEncryption,
    together: &[Request],
) -> Result<HashMap<Name, Held>, VaultError> {
    let names = |make_only: bool| {
        let mut names: Vec<Name> =
            together.iter().filter(|request| request.make || !make_only).flat_map(|r| r.wanted.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let mut found = store::find(pool, kek, &names(false)).await?;
    let missing: Vec<Name> = names(true).into_iter().filter(|name| !found.contains_key(name)).collect();
    if !missing.is_empty() {
        found.extend(store::make(pool, kek, &missing).await?);
    }
    Ok(found)
}
