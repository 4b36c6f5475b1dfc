//! Building the next index of a kind beside the live one: the same sink under a name of its own, until the alias is moved.

use std::{collections::HashSet, time::Duration};

use daybook_platform::{Health, Shutdown};
use reqwest::Method;
use serde_json::json;

use super::{Options, SearchSink, mapping, store::Store};
use crate::{
    engine::Engine,
    sink::{Partition, SinkError},
    view::Family,
};

/// How often the clerk looks whether an index has to be built.
const LOOK: Duration = Duration::from_secs(2);

/// What a sink knows that builds an index.
pub struct Builder {
    /// The family.
    pub place: usize,
    /// Requested when the alias is moved.
    pub done: Shutdown,
}

/// The clerk's task: sees to it that each alias stands for the index this program declares.
pub struct Clerk(#[expect(dead_code, reason = "the task ends with the process")] tokio::task::JoinHandle<()>);

impl Clerk {
    /// Starts to look after the indexes.
    pub fn start(store: Store, options: Options, families: &'static [Family], shutdown: Shutdown) -> Self {
        Self(tokio::spawn(async move {
            // An alias that was ours and is moved away belongs to another release; to take it back would never end.
            let mut settled = HashSet::new();
            while !shutdown.is_requested() {
                for (place, family) in
                    families.iter().enumerate().filter(|(_, family)| mapping::is_searched(family.kind))
                {
                    match store.target(&options.alias(family)).await {
                        Ok(live) if live.as_deref() == Some(&options.index(family)) => drop(settled.insert(place)),
                        Ok(_) if !settled.contains(&place) => build(&store, &options, families, place, &shutdown).await,
                        Ok(_) => {}
                        Err(error) => {
                            tracing::warn!(%error, "the indexes could not be looked after; it is tried again")
                        }
                    }
                }
                let _ = shutdown.or(tokio::time::sleep(LOOK)).await;
            }
        }))
    }
}

async fn build(store: &Store, options: &Options, families: &'static [Family], place: usize, shutdown: &Shutdown) {
    let family = &families[place];
    tracing::info!(view = family.name(), index = options.index(family), "an index is built");
    let done = Shutdown::new();
    let sink = SearchSink {
        progress: options.index(family),
        families,
        indexes: families.iter().map(|_| None).collect(),
        building: Some(Builder { place, done: done.clone() }),
        ..SearchSink::new(store.clone(), options.clone(), done.clone())
    };
    let partitions: Vec<Partition> =
        options.partitions.iter().filter(|(topic, _)| family.follows(topic)).cloned().collect();
    let engine = Engine::new(sink, options.journal.clone(), partitions, options.bounds, Health::new(), done);
    if let Some(Err(stopped)) = shutdown.or(engine.run()).await {
        tracing::error!(view = family.name(), %stopped, "an index cannot be built");
    }
}

impl SearchSink {
    /// Moves the alias once this build is where the live index is. What is missing is tried again after the next batch.
    pub(super) async fn switch_if_due(&mut self) {
        let Some(builder) = &self.building else { return };
        if builder.done.is_requested() {
            return;
        }
        let (place, done) = (builder.place, builder.done.clone());
        match self.switch(place).await {
            Ok(false) => {}
            Ok(true) => done.request(),
            Err(error) => tracing::warn!(%error, "an alias could not be moved; it is tried again"),
        }
    }

    async fn switch(&mut self, place: usize) -> Result<bool, SinkError> {
        let family = &self.families[place];
        let mut live = SearchSink::new(self.store.clone(), self.options.clone(), self.shutdown.clone());
        live.read().await?;
        let own = self.progression.reached()?;
        let behind = live
            .progression
            .reached()?
            .into_iter()
            .filter(|((topic, _), _)| family.follows(topic))
            .any(|(partition, at)| own.get(&partition).is_none_or(|own| own.number < at.number));
        if behind {
            return Ok(false);
        }
        // Whoever feeds the live index loses its hold before the alias moves: its next write finds another document.
        live.progression.epoch += 1;
        let document =
            serde_json::to_value(&live.progression).map_err(|error| SinkError::Stopped(error.to_string()))?;
        self.store.write(&self.options.checkpoints(), &live.progress, &document, live.seen).await?;
        let (alias, index) = (self.options.alias(family), self.options.index(family));
        let before = self.store.target(&alias).await?;
        let mut actions = vec![json!({ "add": { "index": index, "alias": alias } })];
        actions.extend(before.map(|before| json!({ "remove": { "index": before, "alias": alias } })));
        self.store.must(Method::POST, "_aliases", Some(json!({ "actions": actions }))).await?;
        tracing::info!(view = family.name(), index, "another index is live");
        Ok(true)
    }
}
