//! Making a backup, also of a system that runs: each partition up to where it ended when the backup began.

use std::path::Path;

use daybook_journal::Settings as Journal;
use daybook_journal::copy::{Logs, unfinished};
use daybook_journal::topics::{self, Kind, Topic};

use super::journals::{self, Count};
use super::manifest::{FORMAT, Manifest, Part};
use super::registry::Registry;
use super::{files, key, keys, schemas, sign_in};
use crate::fault::Fault;
use crate::settings::Settings;

/// Makes a backup in that folder.
///
/// # Errors
/// Kafka or the registry does not answer, a journal is not whole, or the folder cannot be written.
pub async fn run(folder: &Path, journal: &Journal, settings: &Settings) -> Result<(), Fault> {
    files::make_folder(folder)?;
    let made = jiff::Timestamp::now().to_string();
    let found = topics::journals(journal).await?;
    let topics: Vec<Topic> =
        found.into_iter().map(|(name, partitions)| Topic { name, partitions, kind: Kind::Journal }).collect();
    if let Some(topic) = unfinished(journal, &topics).await?.first() {
        return Err(Fault::asked(format!(
            "{topic} is being restored, or that was broken off: there is nothing to back up"
        )));
    }
    // All ends first: what is appended from here on is of the next backup.
    let mut logs = Logs::open(journal)?;
    let ends = topics.iter().map(|topic| logs.ends(topic)).collect::<Result<Vec<_>, _>>()?;
    let mut count = Count::of("records", ends.iter().flatten().map(|end| u64::try_from(*end).unwrap_or(0)).sum());
    let mut partitions = Vec::new();
    for (topic, ends) in topics.iter().zip(ends) {
        for (partition, end) in (0..).zip(ends) {
            partitions.push(journals::keep(&mut logs, folder, &topic.name, partition, end, &mut count)?);
        }
    }
    drop(count);
    // Then what the entries name: it was there before them.
    let schemas = schemas::keep(journal, folder)?;
    let registry = Registry::new(&settings.registry.url)?.keep(folder).await?;
    let manifest = Manifest {
        format: FORMAT,
        made,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        journals: partitions,
        schemas,
        registry,
        sealing_key: key::keep(folder)?,
        key_store: keys::keep(folder, settings).await?,
        sign_in: sign_in::keep(folder, settings).await?,
        vault: Part::Absent("there are no connections with secrets yet".into()),
        files: Part::Absent("there is no store of files yet".into()),
    };
    manifest.write(folder)?;
    let (records, bytes) = manifest
        .journals
        .iter()
        .fold((0, 0), |(records, bytes), partition| (records + partition.records, bytes + partition.kept.bytes));
    println!(
        "{records} records of {} partitions, {} MB, in {}",
        manifest.journals.len(),
        bytes >> 20,
        folder.display()
    );
    if manifest.sealing_key.kept().is_some() {
        println!("It holds the sealing key: keep the folder as you keep the key.");
    }
    println!(
        "It holds neither the key-encryption keys of vault.keys, without which nothing personal in it opens, nor \
         sign_in.key, without which nobody signs in by a password of before."
    );
    Ok(())
}
