//! Restoring a backup into an empty cluster: everything is checked first, and nothing can be used before it is whole.

use std::path::Path;

use daybook_journal::Settings as Journal;
use daybook_journal::copy::{Logs, Restoring, begin, end, unfinished};
use daybook_journal::topics::{self, Topic};

use super::journals::{self, Count};
use super::key::{self, Restored};
use super::manifest::{Manifest, Partition};
use super::registry::{self, Registry};
use super::{keys, schemas, sign_in};
use crate::fault::Fault;
use crate::settings::Settings;

/// Checks a backup by itself: every file by its SHA-256, every partition by the admission rule.
///
/// # Errors
/// A sentence that names what is missing, cut or altered.
pub fn check(folder: &Path) -> Result<Manifest, Fault> {
    let manifest = Manifest::read(folder)?;
    manifest.topics()?;
    manifest.kept().into_iter().try_for_each(|kept| kept.check(folder))?;
    let mut count = Count::of("checked", records(&manifest.journals));
    manifest.journals.iter().try_for_each(|partition| journals::check(folder, partition, &mut count))?;
    Ok(manifest)
}

/// Restores a backup that was checked.
///
/// # Errors
/// The cluster is not empty, or something has not come out the same.
pub async fn run(
    folder: &Path,
    manifest: &Manifest,
    journal: &Journal,
    settings: &Settings,
    replicas: i32,
) -> Result<(), Fault> {
    let topics = manifest.topics()?;
    is_empty(journal, &topics).await?;
    let texts = schemas::read(folder, &manifest.schemas)?;
    let listed = registry::read(folder, &manifest.registry.subjects)?;
    let registry = Registry::new(&settings.registry.url)?;
    let is_registered = registry.holds(&listed).await?;
    let key = key::check(folder, &manifest.sealing_key)?;
    let data_keys = keys::check(folder, &manifest.key_store, settings).await?;
    let secrets = sign_in::check(folder, &manifest.sign_in, settings).await?;
    schemas::check(journal, &texts).await?;

    // What may be put twice comes first; the journals come last, and are closed until all of them are whole.
    key::put(&key)?;
    let missing = keys::put(&data_keys, settings).await?;
    sign_in::put(&secrets, settings).await?;
    if !is_registered {
        registry.put(folder, &manifest.registry.export, &listed).await?;
    }
    schemas::put(journal, &texts)?;
    topics::ensure(journal, &topics, replicas).await?;
    begin(journal, &topics).await?;
    let begun = put(folder, &manifest.journals, journal, &topics);
    begun.map_err(|fault| Fault::asked(format!("{fault}. {}", start_over(&topics))))?;
    end(journal, &topics).await?;
    topics::check(journal, &topics).await?;

    let entries: u64 = manifest.journals.iter().map(|partition| partition.number).sum();
    println!("the backup of {} is restored: {entries} entries at the positions they had", manifest.made);
    if let Restored::ByHand(what) = key {
        println!("{what}");
    }
    if let Some(what) = missing {
        println!("{what}");
    }
    Ok(())
}

/// Appends every partition's file, then reads all back and compares.
fn put(folder: &Path, partitions: &[Partition], journal: &Journal, topics: &[Topic]) -> Result<(), Fault> {
    let mut count = Count::of("restored", records(partitions));
    let mut restoring = Restoring::open(journal, topics)?;
    partitions.iter().try_for_each(|partition| journals::put(&mut restoring, folder, partition, &mut count))?;
    drop(count);
    let (mut logs, mut count) = (Logs::open(journal)?, Count::of("compared", records(partitions)));
    for topic in topics {
        let partitions = partitions.iter().filter(|partition| partition.topic == topic.name);
        for (partition, end) in partitions.zip(logs.ends(topic)?) {
            journals::compare(&mut logs, folder, partition, end, &mut count)?;
        }
    }
    Ok(())
}

fn records(partitions: &[Partition]) -> u64 {
    partitions.iter().map(|partition| partition.records).sum()
}

/// Refuses a cluster in which a journal holds a record, or has other partitions than the backup.
async fn is_empty(journal: &Journal, topics: &[Topic]) -> Result<(), Fault> {
    let there: Vec<Topic> = topics::journals(journal)
        .await?
        .into_iter()
        .map(|(name, partitions)| Topic { name, partitions, kind: topics::Kind::Journal })
        .collect();
    let begun = unfinished(journal, &there).await?;
    let logs = Logs::open(journal)?;
    for found in &there {
        if logs.ends(found)?.iter().any(|end| *end > 0) {
            let name = &found.name;
            let why = match begun.contains(name) {
                true => format!("an earlier restore was broken off: {name} holds a part of it. {}", start_over(&there)),
                false => format!("{name} holds records already: a backup is restored into an empty cluster only"),
            };
            return Err(Fault::asked(why));
        }
        match topics.iter().find(|topic| topic.name == found.name) {
            Some(topic) if topic.partitions != found.partitions => {
                let (name, of_backup) = (&topic.name, topic.partitions);
                let said = format!(
                    "{name} has {} partitions in the cluster and {of_backup} in the backup: tenants would be looked for in \
                     the wrong one; delete the topic, and it is made anew",
                    found.partitions
                );
                return Err(Fault::asked(said));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What to do with half of a restore.
fn start_over(topics: &[Topic]) -> String {
    let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
    format!("Nothing can use these journals as they are: delete the topics {} and restore again", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::journals::tried::{claim, keep};
    use super::*;

    #[tokio::test]
    #[ignore = "needs the running system"]
    async fn what_does_not_come_out_the_same_is_not_restored() {
        let journal = super::super::journal(&daybook_platform::settings::load().unwrap());
        let context = format!("tried-{}", uuid::Uuid::new_v4().simple());
        let topics = [Topic::journal(&context, 1)];
        let folder = std::env::temp_dir().join(&context);
        let restored = async |timestamp: i64| {
            let _ = std::fs::remove_dir_all(&folder);
            let mut claim = claim();
            claim.timestamp = timestamp;
            let partition = keep(&folder, &topics[0].name, &[claim]);
            put(&folder, &[partition], &journal, &topics).map_err(|fault| fault.to_string())
        };
        topics::ensure(&journal, &topics, 1).await.unwrap();
        begin(&journal, &topics).await.unwrap();
        // Kafka's client takes 0 for "now": of all records only one with this date comes out otherwise.
        let differs = restored(0).await.unwrap_err();
        assert_eq!(differs, format!("{}/0 has not come out the same, from offset 0 on", topics[0].name));
        let refused = restored(1_000).await.unwrap_err();
        assert!(refused.contains("holds records up to offset 1 already"), "{refused}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
