//! What has ended, as this process has folded it from the journal of identity: every instance follows all partitions, so a
//! session that was ended is over here as soon as its entry is read.

use std::{
    future::ready,
    sync::{Arc, OnceLock},
    time::Duration,
};

use daybook_facts as facts;
use daybook_kernel::{Facts, Ref};
use daybook_platform::{ApiError, Basis, Endings, basis::Asked};
use uuid::Uuid;

use crate::engine::Engine;

/// The facts of sessions and keys.
pub struct Folded(Arc<OnceLock<Engine>>);

impl Folded {
    /// Those of that engine, once it is open.
    pub fn new(engine: Arc<OnceLock<Engine>>) -> Self {
        Self(engine)
    }
}

impl Endings for Folded {
    fn has_ended(&self, tenant: Uuid, basis: Basis) -> Asked<'_> {
        let ended = self.0.get().map(|engine| {
            let facts = engine.facts.of(tenant);
            let facts: &dyn Facts = &facts;
            match basis {
                Basis::Session(id) => facts
                    .get(Ref::<facts::Session>::new(id))
                    .is_some_and(|session| session.status == facts::session::Status::Ended),
                Basis::ApiKey(id) => facts.get(Ref::<facts::ApiKey>::new(id)).is_some_and(|key| !key.is_live),
            }
        });
        let starting = "the service is starting: its journals are being read";
        let ended = ended.ok_or_else(|| ApiError::unavailable(starting, Duration::from_secs(2)));
        Box::pin(ready(ended))
    }
}
