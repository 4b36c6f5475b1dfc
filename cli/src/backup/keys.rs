//! The vault in a backup: every data key as it is wrapped, and the tombstones of those that were destroyed.
//!
//! The key-encryption keys are not in it: whoever finds a backup opens nothing. One from before a key was destroyed holds that key still,
//! so it forgets only when its key-encryption key is destroyed (docs/runbooks/keys.md).

use std::collections::BTreeSet;
use std::path::Path;

use daybook_vault::{FolderKeys, dump, pool, prepare};

use super::files;
use super::manifest::Part;
use crate::fault::Fault;
use crate::settings::Settings;

const FILE: &str = "keys.jsonl";

/// Writes the keys into the folder. After the ends of the journals were taken: a key is made before it is used.
pub async fn keep(folder: &Path, settings: &Settings) -> Result<Part, Fault> {
    let pool = pool(&settings.postgres)?;
    prepare(&pool, &settings.vault.reader).await?;
    let mut content = Vec::new();
    dump::keep(&pool, |kept| {
        serde_json::to_writer(&mut content, kept).expect("a row is texts");
        content.push(b'\n');
        Ok::<(), Fault>(())
    })
    .await?;
    Ok(Part::Kept(files::write(folder, FILE, &content)?))
}

/// Reads the keys of a backup, and checks that there is a place for them.
///
/// # Errors
/// A row is none, or Postgres does not answer.
pub async fn check(folder: &Path, part: &Part, settings: &Settings) -> Result<Vec<dump::Kept>, Fault> {
    let Part::Kept(kept) = part else { return Ok(Vec::new()) };
    let content = files::read(folder, kept)?;
    let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rows: Vec<dump::Kept> = lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::asked(format!("{FILE} is damaged: {error}")))?;
    prepare(&pool(&settings.postgres)?, &settings.vault.reader).await?;
    Ok(rows)
}

/// Puts them back; what is missing to open them.
///
/// # Errors
/// Postgres does not answer.
pub async fn put(rows: &[dump::Kept], settings: &Settings) -> Result<Option<String>, Fault> {
    dump::put(&pool(&settings.postgres)?, rows).await?;
    let there: BTreeSet<String> = match &settings.vault.keys {
        Some(folder) => FolderKeys::open(folder).and_then(|keys| keys.ids()).unwrap_or_default().into_iter().collect(),
        None => BTreeSet::new(),
    };
    let needed: BTreeSet<&str> = rows.iter().filter_map(dump::Kept::kek).collect();
    let missing: Vec<&str> = needed.into_iter().filter(|kek| !there.contains(*kek)).collect();
    Ok((!missing.is_empty()).then(|| {
        format!(
            "put the key-encryption keys {} into the folder of vault.keys: without them nothing personal opens",
            missing.join(", ")
        )
    }))
}
