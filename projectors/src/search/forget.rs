//! Forgetting: the documents of who was erased, written once more without what nobody can open any more.
//!
//! In every index of a family, also one that is being built or was live before: it is looked at once as soon as the keys are
//! destroyed, and once more when nobody can hold one in memory. Only the second look is certified.

use std::collections::{BTreeMap, BTreeSet};

use daybook_contents::SUBJECTS;
use daybook_vault::erasure::{self, Open, Place};
use reqwest::Method;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use super::{SearchSink, document::id_of, document::state, line, mapping};
use crate::{postgres::error::classify, sink::SinkError, view::Family};

/// How many documents are looked at together.
const TOGETHER: usize = 1_000;

impl SearchSink {
    /// Forgets those whose keys are destroyed.
    pub(super) async fn forget(&mut self) -> Result<(), SinkError> {
        let Some(pool) = self.options.vault.pool().cloned() else { return Ok(()) };
        // Twice: a key that was looked up just before is used for its lifetime, by a batch that may still be on its way.
        let settled_after = self.options.vault.lifetime() * 2;
        let open = match erasure::open(&pool, settled_after).await {
            // The tables are made by the command API.
            Err(error) if daybook_vault::is_unmade(&error) => return Ok(()),
            open => open.map_err(classify)?,
        };
        let (mut touched, mut forgotten) = (BTreeSet::new(), Vec::new());
        for one in open.into_iter().filter(|one| one.in_search) {
            let looked_at = (one.tenant, one.subject);
            if !one.settled && self.looked_at.contains(&looked_at) {
                continue;
            }
            if let Err(error) = self.forget_one(&pool, &one, &mut touched).await {
                tracing::warn!(tenant = %one.tenant, subject = %one.subject, %error, "somebody is not forgotten yet");
                continue;
            }
            match one.settled {
                false => drop(self.looked_at.insert(looked_at)),
                true => forgotten.push(looked_at),
            }
        }
        for index in &touched {
            self.store.must(Method::POST, &format!("{index}/_refresh"), None).await?;
        }
        if !forgotten.is_empty() {
            self.clean(&touched).await?;
        }
        for (tenant, subject) in forgotten {
            erasure::certify(&pool, tenant, subject, Place::Search).await.map_err(classify)?;
            self.looked_at.remove(&(tenant, subject));
            tracing::info!(%tenant, %subject, "search has forgotten somebody");
        }
        Ok(())
    }

    /// Takes what was replaced off the disk: nobody finds it, but it would lie in an index's files until these happen to be merged.
    async fn clean(&self, indexes: &BTreeSet<String>) -> Result<(), SinkError> {
        for index in indexes {
            let all = json!({ "index.merge.policy.expunge_deletes_allowed": 0 });
            self.store.must(Method::PUT, &format!("{index}/_settings"), Some(all)).await?;
            for step in ["_forcemerge?only_expunge_deletes=true", "_flush?force=true&wait_if_ongoing=true"] {
                self.store.must(Method::POST, &format!("{index}/{step}"), None).await?;
            }
        }
        Ok(())
    }

    async fn forget_one(&self, pool: &PgPool, one: &Open, touched: &mut BTreeSet<String>) -> Result<(), SinkError> {
        let mut about: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        for (type_name, id) in erasure::about(pool, one.tenant, one.subject).await.map_err(classify)? {
            about.entry(type_name).or_default().push(id);
        }
        for (place, family) in self.families.iter().enumerate().filter(|(_, family)| mapping::is_searched(family.kind))
        {
            let meta = family.kind.meta();
            let mut ids = about.remove(meta.type_name).unwrap_or_default();
            if meta.type_name == SUBJECTS || meta.shares == Some(SUBJECTS) {
                ids.push(one.subject);
            }
            if ids.is_empty() {
                continue;
            }
            ids.iter().for_each(|id| self.options.vault.forget(one.tenant, *id));
            for index in self.indexes_of(family).await? {
                for ids in ids.chunks(TOGETHER) {
                    self.write_anew((place, family), &index, one, ids).await?;
                }
                // Also where nothing is found: an earlier try may have ended before the files were clean.
                touched.insert(index);
            }
        }
        Ok(())
    }

    /// Every index of a family.
    async fn indexes_of(&self, family: &Family) -> Result<Vec<String>, SinkError> {
        let named = format!("{}-*", self.options.alias(family));
        let answer = self.store.must(Method::GET, &format!("{named}/_alias"), None).await?;
        Ok(answer.as_object().into_iter().flatten().map(|(index, _)| index.clone()).collect())
    }

    async fn write_anew(
        &self,
        (place, family): (usize, &Family),
        index: &str,
        one: &Open,
        ids: &[Uuid],
    ) -> Result<(), SinkError> {
        let ids_there: Vec<String> = ids.iter().map(|id| id_of(one.tenant, *id)).collect();
        let found = self.store.states(index, &ids_there).await?;
        if found.is_empty() {
            return Ok(());
        }
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (id, source) in found {
            let of = ids.iter().find(|one_of| id_of(one.tenant, **one_of) == id);
            match (state(family.kind, &source), of) {
                (Ok(folded), Some(of)) => known.push(((place, one.tenant, *of), folded)),
                // Of another release, whose documents this one does not write: none is better than one that remembers.
                _ => unknown.push(id),
            }
        }
        let ring = self.ring(known.iter().map(|(key, folded)| (*key, folded))).await?;
        let mut lines = String::new();
        for (key, folded) in &known {
            lines.push_str(&line(index, &ring, family.kind, *key, folded).map_err(SinkError::Unavailable)?);
        }
        if !lines.is_empty() {
            self.store.bulk(lines).await?;
        }
        for id in unknown {
            self.store.must(Method::DELETE, &format!("{index}/_doc/{id}"), None).await?;
        }
        Ok(())
    }
}
