//! One entry in full.

use std::io;
use std::time::Duration;

use daybook_journal::{From, Position, Reader, Settings, Start};

use super::printed::print;
use super::shown::{Reading, envelope_of};
use crate::fault::Fault;

/// Prints the entry at a position.
pub async fn run(settings: &Settings, position: &Position) -> Result<(), Fault> {
    let reading = Reading::open(settings).await?;
    let Position { topic, partition, number } = position.clone();
    let mut reader = Reader::open(settings, vec![Start { topic, partition, from: From::Number(number) }])?;
    loop {
        let batch = reader.poll(1, Duration::from_millis(100))?;
        if let Some((.., halt)) = batch.halted.first() {
            return Err(Fault::asked(format!("{position} cannot be read: {halt}")));
        }
        if let Some(admitted) = batch.entries.iter().find(|admitted| admitted.position == *position) {
            let shown = format!("{:#}", reading.entry(admitted, &envelope_of(admitted)?));
            return print(&mut io::stdout(), &shown);
        }
        if number == 0 || reader.caught_up() {
            let last = reader.lag().first().map_or(0, |lag| lag.number);
            return Err(Fault::asked(format!(
                "there is no {position}: entries are numbered from 1, the last is {last}"
            )));
        }
    }
}
