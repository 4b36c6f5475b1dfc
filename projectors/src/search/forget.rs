//! Forgetting: the documents of who was erased, written once more without what nobody can open any more.
//!
//! In every index of a family, also one that is being built or was live before: it is looked at once as soon as the keys are
//! destroyed, and once more when nobody can hold one in memory. Only the second look is certified, and only when the files of the
//! index are clean: OpenSearch keeps what was replaced as long as a copy of a shard may ask for it (its retention leases, which follow
//! within half a minute), and no merge takes it away before.

use std::collections::{BTreeMap, BTreeSet};

use daybook_contents::SUBJECTS;
use daybook_vault::erasure::{self, Open, Place};
use reqwest::Method;
use serde_json::{Map, Value as Json, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::{SearchSink, document::id_of, document::state, line, mapping};
use crate::{postgres::error::classify, sink::SinkError, view::Family};

/// How many documents are looked at together.
const TOGETHER: usize = 1_000;

/// Up to which of an index's operations somebody's documents were replaced: by index and shard, its last sequence number.
pub(super) type Marks = BTreeMap<String, BTreeMap<String, i64>>;

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
        for one in open.into_iter().filter(|one| one.in_search) {
            if let Err(error) = self.see_to(&pool, &one).await {
                tracing::warn!(tenant = %one.tenant, subject = %one.subject, %error, "somebody is not forgotten yet");
                // From the beginning: an index may be gone.
                self.replaced.remove(&(one.tenant, one.subject));
            }
        }
        Ok(())
    }

    /// Takes the next step towards forgetting somebody.
    async fn see_to(&mut self, pool: &PgPool, one: &Open) -> Result<(), SinkError> {
        let who = (one.tenant, one.subject);
        match (one.settled, self.replaced.get(&who)) {
            // Once is enough until nobody holds a key any more.
            (false, Some(None)) => return Ok(()),
            (true, Some(Some(marks))) if !self.may_be_cleaned(marks).await? => return Ok(()),
            (true, Some(Some(marks))) => {
                self.clean(marks.keys()).await?;
                erasure::certify(pool, one.tenant, one.subject, Place::Search).await.map_err(classify)?;
                self.replaced.remove(&who);
                tracing::info!(tenant = %one.tenant, subject = %one.subject, "search has forgotten somebody");
                return Ok(());
            }
            // Seen for the first time, or settled now, or more keys were destroyed since.
            _ => {}
        }
        let indexes = self.forget_one(pool, one).await?;
        for index in &indexes {
            self.store.must(Method::POST, &format!("{index}/_refresh"), None).await?;
        }
        let marks = if one.settled { Some(self.marks(&indexes).await?) } else { None };
        self.replaced.insert(who, marks);
        Ok(())
    }

    /// How far the indexes have come.
    async fn marks(&self, indexes: &BTreeSet<String>) -> Result<Marks, SinkError> {
        let mut marks = Marks::new();
        for index in indexes {
            let shards = self.shards(index).await?;
            let last = |copies: &Json| copies[0]["seq_no"]["max_seq_no"].as_i64().unwrap_or(i64::MAX);
            marks.insert(index.clone(), shards.iter().map(|(shard, copies)| (shard.clone(), last(copies))).collect());
        }
        Ok(marks)
    }

    /// Whether no copy of a shard may ask any more for what was replaced, and no merge goes on that began when one still might: what
    /// such a merge makes holds it, and no other merge takes the same files meanwhile.
    async fn may_be_cleaned(&self, marks: &Marks) -> Result<bool, SinkError> {
        for (index, marks) in marks {
            if self.is_merging(index).await? {
                return Ok(false);
            }
            let shards = self.shards(index).await?;
            let passed = marks.iter().all(|(shard, mark)| {
                let copies = shards.get(shard).and_then(Json::as_array).into_iter().flatten();
                let mut leases = copies.flat_map(|copy| copy["retention_leases"]["leases"].as_array()).flatten();
                leases.all(|lease| lease["retaining_seq_no"].as_i64().is_some_and(|from| from > *mark))
            });
            if !passed {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether files of an index are being merged.
    async fn is_merging(&self, index: &str) -> Result<bool, SinkError> {
        let path = format!("{index}/_stats/merge?filter_path=_all.total.merges.current");
        let answer = self.store.must(Method::GET, &path, None).await?;
        Ok(answer["_all"]["total"]["merges"]["current"].as_i64() != Some(0))
    }

    /// The copies of each shard of an index, with their sequence numbers and leases.
    async fn shards(&self, index: &str) -> Result<Map<String, Json>, SinkError> {
        let kept = "indices.*.shards.*.seq_no,indices.*.shards.*.retention_leases";
        let path = format!("{index}/_stats/docs?level=shards&filter_path={kept}");
        let mut answer = self.store.must(Method::GET, &path, None).await?;
        match answer["indices"][index]["shards"].take() {
            Json::Object(shards) => Ok(shards),
            _ => Err(SinkError::Unavailable(format!("{index} does not tell how far its shards have come"))),
        }
    }

    /// Takes what was replaced off the disk: nobody finds it, but it would lie in an index's files until these happen to be merged.
    async fn clean(&self, indexes: impl Iterator<Item = &String>) -> Result<(), SinkError> {
        for index in indexes {
            let all = json!({ "index.merge.policy.expunge_deletes_allowed": 0 });
            self.store.must(Method::PUT, &format!("{index}/_settings"), Some(all)).await?;
            // A merge keeps what is not in a commit yet, so that a shard can be recovered from the last one: first a commit. The second
            // one takes the files that were merged away.
            let commit = "_flush?force=true&wait_if_ongoing=true";
            for step in [commit, "_forcemerge?only_expunge_deletes=true", commit, "_refresh"] {
                self.store.must(Method::POST, &format!("{index}/{step}"), None).await?;
            }
        }
        Ok(())
    }

    /// Writes somebody's documents anew; the indexes they may be in, also where nothing is found: an earlier try may have ended before
    /// the files were clean.
    async fn forget_one(&self, pool: &PgPool, one: &Open) -> Result<BTreeSet<String>, SinkError> {
        let mut indexes = BTreeSet::new();
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
                indexes.insert(index);
            }
        }
        Ok(indexes)
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
