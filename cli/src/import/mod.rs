//! Importing: the history of another tool, replayed through the command API as its users would have worked here.
//!
//! First who and what the log names, then every incident: its rows in order, different incidents side by side. After each row
//! the incident is read back and compared. An import that was broken off goes on where it was.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use clap::{Args, Subcommand};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::api::{Api, Command, Failure, Receipt};
use crate::fault::Fault;
use crate::progress::Progress;
use crate::role::Role;
use crate::settings::Settings;
use crate::tenant;

use incident::Incident;
use log::{Log, Row};
use memory::{Applied, Directory, Done, Memory, Refused};
use people::Named;
use plan::Names;

mod incident;
mod log;
mod memory;
mod people;
mod plan;
mod report;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Replays an incident log of ServiceNow (CSV, gzip or not).
    Incidents(Request),
}

/// Which log, into which tenant.
#[derive(Debug, Args)]
pub struct Request {
    /// The log.
    file: PathBuf,
    /// The tenant's id; the demo tenant where neither is said.
    #[arg(long)]
    tenant: Option<Uuid>,
    /// A tenant by its slug, begun if there is none (as the platform, with the development issuer).
    #[arg(long, conflicts_with = "tenant")]
    new_tenant: Option<String>,
    /// How many incidents are brought in side by side.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=512))]
    concurrency: u16,
}

/// Runs an import and prints what became of it.
pub async fn run(command: ImportCommand, settings: &Settings) -> Result<(), Fault> {
    let ImportCommand::Incidents(request) = command;
    let log = log::read(&request.file)?;
    let api = Api::new(&settings.cli.command_url, &settings.cli.query_url, "");
    let tenant = match (request.tenant, &request.new_tenant) {
        (Some(id), _) => id,
        (None, Some(slug)) => tenant::open(&api, settings, slug, slug).await?,
        (None, None) => tenant::demo(settings)?,
    };
    let token = tenant::token(settings, tenant, tenant::operator(tenant), &[Role::Importer])?;
    let path = settings.cli.memory.join(format!("import-{}-{tenant}.jsonl", log.fingerprint));
    let memory = Memory::open(&path)?;
    eprintln!(
        "importing {} rows of {} incidents into tenant {tenant}; what is done is remembered in {}",
        log.incidents.iter().map(Vec::len).sum::<usize>(),
        log.incidents.len(),
        path.display()
    );
    let import = Import {
        api: api.acting_as(&token),
        fingerprint: log.fingerprint.clone(),
        memory: Mutex::new(memory),
        side_by_side: usize::from(request.concurrency),
    };
    let begun = Instant::now();
    import.people(&Named::of(log.incidents.iter().flatten())).await?;
    let rows = import.incidents(&log).await?;
    report::Report::of(&log, &import.memory(), tenant, rows, begun.elapsed()).print(&path);
    Ok(())
}

/// An import under way.
struct Import {
    api: Api,
    fingerprint: String,
    memory: Mutex<Memory>,
    side_by_side: usize,
}

impl Import {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a command under a key that is the same in every run with this file.
    async fn give(&self, path: String, key: &str, body: Json, at: Option<&str>) -> Result<Receipt, Failure> {
        let key = format!("import/{}/{}", self.fingerprint, key.replace(' ', "_"));
        self.api.give_when_known(&Command { path, body, key, occurred_at: at }).await
    }

    /// Brings in who and what the log names.
    async fn people(&self, named: &Named) -> Result<(), Fault> {
        let known = self.memory().directory();
        let users: Vec<_> = named.users.iter().filter(|name| known.user(name).is_none()).collect();
        self.each("users", users, async |name: &String| {
            let body = json!({ "email": people::email(name), "name": name });
            let id = self.named("users", name, body).await?;
            Ok(Done::User { name: name.clone(), id })
        })
        .await?;
        let groups: Vec<_> = named.groups.keys().filter(|name| known.group(name).is_none()).collect();
        self.each("groups", groups, async |name: &String| {
            let id = self.named("groups", name, json!({ "name": name })).await?;
            Ok(Done::Group { name: name.clone(), id })
        })
        .await?;
        let cis: Vec<_> = named.cis.iter().filter(|name| known.ci(name).is_none()).collect();
        self.each("configuration items", cis, async |name: &String| {
            let id = self.named("cmdb/cis", name, people::configuration_item(name)).await?;
            Ok(Done::Ci { name: name.clone(), id })
        })
        .await?;

        let known = self.memory().directory();
        let all = named.groups.iter().flat_map(|(group, users)| users.iter().map(move |user| (group, user)));
        let members: Vec<_> = all.filter(|(group, user)| !self.memory().is_member(group, user)).collect();
        self.each("members of groups", members, async |(group, user): (&String, &String)| {
            let doing = || format!("adding {user} to {group}");
            let (Some(to), Some(who)) = (known.group(group), known.user(user)) else {
                return Err(Fault::asked(format!("{}: one of them was not brought in", doing())));
            };
            let path = format!("groups/{to}/add_member");
            let outcome = self.give(path, &format!("member/{group}/{user}"), json!({ "user": who }), None).await;
            outcome.map_err(|failure| Fault::Api { doing: doing(), failure })?;
            Ok(Done::Member { group: group.clone(), user: user.clone() })
        })
        .await
    }

    /// Begins one aggregate for a name of the log.
    async fn named(&self, path: &str, name: &str, body: Json) -> Result<Uuid, Fault> {
        let outcome = self.give(path.to_owned(), &format!("{path}/{name}"), body, None).await;
        let receipt =
            outcome.map_err(|failure| Fault::Api { doing: format!("bringing in {name} ({path})"), failure })?;
        Ok(receipt.id)
    }

    /// Does something for each, many side by side, and remembers it.
    async fn each<T>(&self, what: &str, all: Vec<T>, act: impl AsyncFn(T) -> Result<Done, Fault>) -> Result<(), Fault> {
        if all.is_empty() {
            return Ok(());
        }
        let progress = Progress::of(what, all.len() as u64);
        let (act, progress) = (&act, &progress);
        stream::iter(all)
            .map(|one| async move {
                let done = act(one).await?;
                self.memory().remember(done)?;
                progress.one();
                Ok(())
            })
            .buffer_unordered(self.side_by_side)
            .try_collect()
            .await
    }

    /// Brings in the incidents; says how many rows were new.
    async fn incidents(&self, log: &Log) -> Result<u64, Fault> {
        let directory = &self.memory().directory();
        let new = |rows: &Vec<Row>| rows.len() - self.memory().rows(&rows[0].number).len().min(rows.len());
        let left: Vec<_> = log.incidents.iter().filter(|rows| new(rows) > 0).collect();
        let rows = left.iter().map(|rows| new(rows) as u64).sum();
        if rows == 0 {
            eprintln!("every row was brought in before");
            return Ok(0);
        }
        let progress = &Progress::of("rows of incidents", rows);
        stream::iter(left)
            .map(|rows| self.incident(rows, directory, progress))
            .buffer_unordered(self.side_by_side)
            .try_collect::<()>()
            .await?;
        Ok(rows)
    }

    /// Brings in the rows of one incident, in order, from where it was broken off.
    async fn incident(&self, rows: &[Row], directory: &Directory, progress: &Progress) -> Result<(), Fault> {
        let number = &rows[0].number;
        let (mut id, done, (left, position), keys_hold) = {
            let memory = self.memory();
            let done = memory.rows(number);
            let position = done.iter().rev().find_map(|row| row.position.clone());
            let left = done.last().and_then(|row| row.left.clone());
            (memory.incident(number), done.len(), (left, position), memory.keys_hold())
        };
        let mut now = match (id, left) {
            (Some(_), Some(left)) if keys_hold => Some(left),
            (Some(_), _) if keys_hold && done == 0 => None,
            (Some(id), _) => Some(self.read(id, position.as_deref()).await?),
            (None, _) => None,
        };
        for place in done..rows.len() {
            let previous = place.checked_sub(1).map(|before| &rows[before]);
            let row = &rows[place];
            let applied = self.row(previous, row, &mut id, &mut now, directory).await?;
            self.memory().remember(Done::Row(applied))?;
            progress.one();
        }
        Ok(())
    }

    /// Brings in one row: its commands, then what the incident looks like to a reader.
    async fn row(
        &self,
        previous: Option<&Row>,
        row: &Row,
        id: &mut Option<Uuid>,
        now: &mut Option<Incident>,
        directory: &Directory,
    ) -> Result<Applied, Fault> {
        let mut applied = Applied { number: row.number.clone(), place: row.place, ..Applied::default() };
        for step in plan::plan(previous, row, now.as_ref(), directory) {
            let (path, at) = match *id {
                Some(id) if step.command != "report" => (format!("incidents/{id}/{}", step.command), &row.updated_at),
                _ => ("incidents".to_owned(), &row.opened_at),
            };
            let key = format!("row/{}/{}", row.place, step.command);
            match self.give(path, &key, step.body.clone(), at.as_deref()).await {
                Ok(receipt) => {
                    if id.is_none() {
                        *id = Some(receipt.id);
                        self.memory().remember(Done::Incident { number: row.number.clone(), id: receipt.id })?;
                    }
                    let kinds = if step.inserted { &mut applied.inserted } else { &mut applied.given };
                    *kinds.entry(step.command.to_owned()).or_insert(0) += 1;
                    applied.position = Some(receipt.position);
                }
                Err(Failure::Refused(no)) => {
                    let stop = step.carries_the_rest();
                    applied.refused.push(Refused { command: step.command.into(), code: no.code, message: no.message });
                    if stop {
                        break;
                    }
                }
                Err(failure) => {
                    let doing = format!("row {} ({}), {}", row.place, row.number, step.command);
                    return Err(Fault::Api { doing, failure });
                }
            }
        }
        if let (Some(id), Some(position)) = (*id, &applied.position) {
            *now = Some(self.read(id, Some(position)).await?);
        }
        applied.left = now.clone();
        applied.differences = match now {
            Some(incident) => incident.differences(row),
            None => vec!["it could not be reported".into()],
        };
        Ok(applied)
    }

    async fn read(&self, id: Uuid, position: Option<&str>) -> Result<Incident, Fault> {
        let doing = || format!("reading incident {id} back");
        let outcome = self.api.read(&format!("incidents/{id}"), position).await;
        let answer = outcome.map_err(|failure| Fault::Api { doing: doing(), failure })?;
        serde_json::from_value(answer).map_err(|error| Fault::asked(format!("{}: {error}", doing())))
    }
}

/// Adds up counts by kind.
fn add(all: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (kind, count) in more {
        *all.entry(kind.clone()).or_insert(0) += count;
    }
}
