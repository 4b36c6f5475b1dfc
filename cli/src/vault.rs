//! The vault's key-encryption keys: made, counted, and put in the place of an older one.

use clap::{Args, Subcommand};
use daybook_vault::{FolderKeys, KeyEncryption, prepare, rotation};

use crate::fault::Fault;
use crate::settings::Settings;

/// What is asked about the vault.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Makes a key-encryption key in the folder that vault.keys names: the current one, if its name is the last
    Key(Key),
    /// Says how many data keys each key-encryption key wraps
    Status,
    /// Wraps every data key by the current key-encryption key, while the system serves; begun again, it goes on
    Rotate,
}

/// The key-encryption key to make.
#[derive(Debug, Args)]
pub struct Key {
    /// Its name; today's date where none is given
    name: Option<String>,
}

/// Does what is asked about the vault.
pub async fn run(command: VaultCommand, settings: &Settings) -> Result<(), Fault> {
    let folder = settings.vault.keys.as_ref();
    let folder = folder.ok_or_else(|| Fault::asked("vault.keys is not set: the folder of the key-encryption keys"))?;
    if let VaultCommand::Key(Key { name }) = command {
        let name = name.unwrap_or_else(|| jiff::Timestamp::now().to_string()[..10].to_owned());
        FolderKeys::make(folder, &name)?;
        println!("{} is made; keep a copy apart from every backup", folder.join(&name).display());
        return Ok(());
    }
    let kek = FolderKeys::open(folder)?;
    let pool = daybook_vault::pool(&settings.postgres)?;
    prepare(&pool, &settings.vault.reader).await?;
    if let VaultCommand::Rotate = command {
        let done = rotation::rotate(&pool, &kek, |done| eprintln!("{done} data keys are wrapped anew")).await?;
        println!("{done} data keys were wrapped anew by {}", kek.current()?);
    }
    let counts = rotation::status(&pool).await?;
    let current = kek.current()?;
    let mut known = kek.ids()?;
    for (id, keys) in &counts {
        match id {
            Some(id) => {
                let there = known.iter().position(|known| known == id).map(|place| known.remove(place));
                let note = match there {
                    _ if *id == current => ", the current one",
                    Some(_) => "",
                    None => ", WHICH IS NOT THERE: these cannot be opened",
                };
                println!("{keys} data keys are wrapped by {id}{note}");
            }
            None => println!("{keys} data keys are destroyed"),
        }
    }
    for unused in known.iter().filter(|id| **id != current) {
        println!("{unused} wraps none: once no backup needs it, destroy it");
    }
    Ok(())
}
