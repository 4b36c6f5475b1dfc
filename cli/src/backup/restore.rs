//! Restoring a backup into an empty cluster: everything is checked first, and nothing can be used before it is whole.

use std::path::Path;

use daybook_journal::Settings as Journal;
use daybook_journal::copy::{Logs, Restoring, begin, end, unfinished};
use daybook_journal::topics::{self, Topic};

use super::journals::{self, Count};
use super::key::{self, Restored};
use super::manifest::Manifest;
use super::registry::{self, Registry};
use super::schemas;
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
    let mut count = Count::of("checked", records(&manifest));
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
    schemas::check(journal, &texts).await?;

    // What may be put twice comes first; the journals come last, and are closed until all of them are whole.
    key::put(&key)?;
    if !is_registered {
        registry.put(folder, &manifest.registry.export, &listed).await?;
    }
    schemas::put(journal, &texts)?;
    topics::ensure(journal, &topics, replicas).await?;
    begin(journal, &topics).await?;
    let begun = put(folder, manifest, journal, &topics);
    begun.map_err(|fault| Fault::asked(format!("{fault}. {}", start_over(&topics))))?;
    end(journal, &topics).await?;
    topics::check(journal, &topics).await?;

    let entries: u64 = manifest.journals.iter().map(|partition| partition.number).sum();
    println!("the backup of {} is restored: {entries} entries at the positions they had", manifest.made);
    if let Restored::ByHand(what) = key {
        println!("{what}");
    }
    Ok(())
}

fn put(folder: &Path, manifest: &Manifest, journal: &Journal, topics: &[Topic]) -> Result<(), Fault> {
    let mut count = Count::of("restored", records(manifest));
    let mut restoring = Restoring::open(journal, topics)?;
    let put = |partition| journals::put(&mut restoring, folder, partition, &mut count);
    manifest.journals.iter().try_for_each(put)?;
    drop(count);
    let (mut logs, mut count) = (Logs::open(journal)?, Count::of("compared", records(manifest)));
    for topic in topics {
        let partitions = manifest.journals.iter().filter(|partition| partition.topic == topic.name);
        for (partition, end) in partitions.zip(logs.ends(topic)?) {
            journals::compare(&mut logs, folder, partition, end, &mut count)?;
        }
    }
    Ok(())
}

fn records(manifest: &Manifest) -> u64 {
    manifest.journals.iter().map(|partition| partition.records).sum()
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
