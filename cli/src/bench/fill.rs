//! A large incident journal, for measuring what depends on its length: the life of one real incident, written again and again
//! under other ids, past the command API and as fast as the log takes it.

use std::collections::{BTreeMap, VecDeque};
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use daybook_contents::kind;
use daybook_journal::{
    Admitted, Decision, From, Machine, Owner, Poison, Position, Reader, Refused, Settings as Journal, Standing, Start,
    partition_of, topics,
};
use daybook_kernel::{Datum, Number, Time};
use daybook_schemas::{Catalogue, envelope::Entry};
use serde_json::json;
use uuid::Uuid;

use super::filled::{Filled, incident};
use super::stage;
use crate::api::{Api, Command};
use crate::fault::Fault;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::tenant;

/// Commands of one life.
const LIFE: u64 = 10;

/// Incidents of a partition that are open at the same time.
const OPEN: u64 = 5_000;

/// Entries of a partition that are under way at the same time.
const UNDER_WAY: usize = 1_000;

/// Tenants that are begun for each partition at most.
const TRIES: i32 = 32;

/// How long to wait for the partitions.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much is written.
#[derive(Debug, Args)]
pub struct Request {
    /// Entries to write, ten for each incident.
    #[arg(long, default_value_t = 10_000_000)]
    entries: u64,
    /// The life to copy and the tenants to fill, as this command printed them, and only once; without it a life is lived and
    /// tenants are begun, for which the command API has to run.
    #[arg(long, value_delimiter = ',')]
    life: Vec<Part>,
}

/// What has to be there before copies are written.
#[derive(Debug, Clone)]
enum Part {
    /// A step of the life to copy.
    Step(Position),
    /// A tenant without incidents.
    Tenant(Uuid),
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse(), text.parse()) {
            (Ok(position), _) => Ok(Self::Step(position)),
            (_, Ok(tenant)) => Ok(Self::Tenant(tenant)),
            _ => Err("it is neither a position, as journal.incident/3#4711, nor a tenant's id".into()),
        }
    }
}

/// Lives a life, or copies one.
pub async fn run(request: Request, settings: &Settings) -> Result<(), Fault> {
    let journal = Journal {
        development: settings.kafka.development,
        // As the command API, which goes on with what is filled.
        code_version: daybook_contents::CODE_VERSION,
        ..Journal::new(settings.kafka.brokers.clone(), "daybook-fill")
    };
    if request.life.is_empty() {
        let (life, tenants) = (live(settings).await?, begin_tenants(&journal, settings).await?);
        let life = life.iter().map(ToString::to_string).chain(tenants.iter().map(ToString::to_string));
        println!("{}", life.collect::<Vec<_>>().join(","));
        return Ok(());
    }
    let (mut life, mut tenants) = (Vec::new(), Vec::new());
    for part in request.life {
        match part {
            Part::Step(position) => life.push(position),
            Part::Tenant(tenant) => tenants.push(tenant),
        }
    }
    let entries = request.entries;
    tokio::task::spawn_blocking(move || copy(&journal, &life, &tenants, entries)).await.expect("copying does not panic")
}

/// One tenant for each partition of the incident journal: what is measured does not depend on how many there are.
async fn begin_tenants(journal: &Journal, settings: &Settings) -> Result<Vec<Uuid>, Fault> {
    let journals = topics::journals(journal).await?;
    let named = journals.iter().find(|(name, _)| name == "journal.incident");
    let (_, partitions) = named.ok_or_else(|| Fault::asked("there is no incident journal yet"))?;
    let api = Api::new(&settings.cli.command_url, &settings.cli.query_url, "");
    let run = Uuid::new_v4().simple().to_string()[..8].to_owned();
    let mut of_partition = BTreeMap::new();
    // The command API chooses the ids: some partitions are met more than once before all are.
    for place in 1..=partitions * TRIES {
        let slug = format!("filled-{run}-{place}");
        let tenant = tenant::open(&api, settings, &slug, &slug).await?;
        of_partition.entry(partition_of(tenant.as_bytes(), *partitions)).or_insert(tenant);
        if of_partition.len() == *partitions as usize {
            return Ok(of_partition.into_values().collect());
        }
    }
    Err(Fault::asked(format!("of {} tenants none is of some of the {partitions} partitions", partitions * TRIES)))
}

/// One incident from its report to its resolution, through the command API; where its entries stand.
async fn live(settings: &Settings) -> Result<Vec<Position>, Fault> {
    let api = Api::new(&settings.cli.command_url, &settings.cli.query_url, "");
    let run = Uuid::new_v4().simple().to_string()[..8].to_owned();
    let desk = stage::build(&api, settings, &run, 1).await?.remove(0);
    let api = api.acting_as(&desk.token);
    let mut positions = Vec::new();
    let report = json!({
        "short_description": "The shared printer on floor 3 prints only blank pages", "caller": desk.user,
        "description": "It began after the toner was changed.", "channel": "portal", "impact": 2, "urgency": 3, "cis": [],
    });
    let mut give = async |path: String, body| {
        let command = Command { key: Uuid::new_v4().to_string(), path, body, occurred_at: None };
        let doing = "living the life to copy".to_owned();
        let receipt = api.give(&command).await.map_err(|failure| Fault::Api { doing, failure })?;
        positions.push(receipt.position.parse().map_err(|_| Fault::asked("a receipt without a position"))?);
        Ok::<_, Fault>(receipt.id)
    };
    let id = give("incidents".into(), report).await?;
    give(format!("incidents/{id}/assign"), json!({ "group": desk.group, "assignee": desk.user })).await?;
    give(format!("incidents/{id}/start"), json!({})).await?;
    for n in 4..LIFE {
        let comment = json!({ "body": format!("Looked at it for the {n}th time."), "visibility": "public" });
        give(format!("incidents/{id}/add_comment"), comment).await?;
    }
    let resolution = json!({ "resolution_code": "fixed", "resolution_notes": "The drum is unlocked." });
    give(format!("incidents/{id}/resolve"), resolution).await?;
    Ok(positions)
}

/// The entries of that life, as they lie in the journal.
fn read(journal: &Journal, life: &[Position]) -> Result<Vec<Entry>, Fault> {
    let missing = || Fault::asked("the life to copy is not in the journal");
    let first = life.first().ok_or_else(missing)?;
    let start = Start { topic: first.topic.clone(), partition: first.partition, from: From::Number(first.number) };
    let mut reader = Reader::open(journal, vec![start])?;
    let mut found = Vec::new();
    let begun = Instant::now();
    while found.len() < life.len() {
        for entry in reader.poll(100, Duration::from_millis(100))?.entries {
            if life.contains(&entry.position) {
                found.push(Entry::decode(&entry.value).map_err(|error| Fault::asked(error.to_string()))?);
            }
        }
        if begun.elapsed() > PATIENCE {
            return Err(missing());
        }
    }
    Ok(found)
}

fn copy(journal: &Journal, life: &[Position], tenants: &[Uuid], entries: u64) -> Result<(), Fault> {
    let template = read(journal, life)?;
    let mut journal = journal.clone();
    journal.limits.book_commands = 4 * UNDER_WAY;
    let owner = Owner::open(&journal, "incident", |_| Copier::new(template.clone()))?;
    let begun = Instant::now();
    while owner.status().iter().any(|status| status.standing != Standing::Serving) {
        if begun.elapsed() > PATIENCE {
            return Err(Fault::asked("the incident journal is not to be had: stop the command API first"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let partitions = owner.partitions();
    let of =
        |partition| tenants.iter().copied().find(|tenant| partition_of(tenant.as_bytes(), partitions) == partition);
    let tenants: Vec<Uuid> = (0..partitions).map_while(of).collect();
    if tenants.len() != partitions as usize {
        return Err(Fault::asked("a partition has no tenant to fill: say all that this command printed as --life"));
    }
    let each = entries / tenants.len() as u64;
    let progress = Progress::of("entries", entries);
    let mut under_way: VecDeque<_> = VecDeque::new();
    let runtime = tokio::runtime::Handle::current();
    let begun = Instant::now();
    for n in 0..each {
        let (block, within) = (n / (OPEN * LIFE), n % (OPEN * LIFE));
        let place = Place { incident: block * OPEN + within % OPEN, step: (within / OPEN) as usize };
        for (partition, tenant) in (0..).zip(&tenants) {
            under_way.push_back(owner.submit(partition, Copy { tenant: *tenant, place }));
        }
        while under_way.len() > UNDER_WAY {
            let Some(submission) = under_way.pop_front() else { break };
            runtime.block_on(submission).map_err(refused)?;
        }
        if n % 1_000 == 0 {
            progress.at(n * tenants.len() as u64, entries);
        }
    }
    for submission in under_way {
        runtime.block_on(submission).map_err(refused)?;
    }
    let (seconds, written) = (begun.elapsed().as_secs_f64(), each * tenants.len() as u64);
    eprintln!("{written} entries in {seconds:.0} s, {:.0}/s", written as f64 / seconds);
    owner.shutdown(Duration::from_secs(5));
    let incidents = each / (OPEN * LIFE) * OPEN + (each % (OPEN * LIFE)).min(OPEN);
    let filled: Vec<_> = tenants.iter().map(|tenant| Filled { tenant: *tenant, incidents }.to_string()).collect();
    println!("{}", filled.join(","));
    Ok(())
}

fn refused(refused: Refused) -> Fault {
    Fault::asked(refused.to_string())
}

/// Which step of which incident.
#[derive(Clone, Copy)]
struct Place {
    incident: u64,
    step: usize,
}

/// One entry to write.
struct Copy {
    tenant: Uuid,
    place: Place,
}

/// Writes copies; folds nothing.
struct Copier {
    template: Vec<Entry>,
    catalogue: Catalogue,
    book_number: u64,
    latest: i64,
}

impl Copier {
    fn new(template: Vec<Entry>) -> Self {
        Self { template, catalogue: Catalogue::ours(), book_number: 0, latest: 0 }
    }

    /// The template's entry of that step, as if it had happened to another incident.
    fn write(&mut self, copy: &Copy, now_micros: i64) -> Vec<u8> {
        self.book_number += 1;
        let mut entry = self.template[copy.place.step].clone();
        // The same for all steps of a life, another one for each incident.
        let id = incident(copy.tenant, copy.place.incident);
        entry.tenant = copy.tenant;
        entry.book_number = self.book_number;
        entry.command_id = format!("{id}-{}", copy.place.step);
        entry.time = Time(now_micros);
        for event in &mut entry.events {
            event.aggregate_id = id;
            event.id = Uuid::new_v5(&id, &event.version.to_be_bytes());
            if event.version == 1 {
                self.renumber(event, copy.place.incident + 1);
            }
        }
        entry.encode(0)
    }

    /// A report holds the incident's number, which no two have.
    fn renumber(&self, event: &mut daybook_schemas::envelope::Event, number: u64) {
        let incident = kind("incident.Incident").expect("the incident stands in the contents");
        let read = self.catalogue.decode(&event.event_type, &event.schema, &event.data);
        let (_, index, mut body) = read.expect("the template was read from the journal");
        let place = incident.events()[index].body.fields.iter().position(|field| field.name == "number");
        if let (Some(place), Datum::Record(fields)) = (place, &mut body) {
            fields[place] = Datum::text(Number::new("INC", number).as_str());
        }
        let written = self.catalogue.encode(incident, index, &body);
        (event.schema, event.data) = written.expect("what was read can be written");
    }
}

impl Machine for Copier {
    type Command = Copy;
    type Answer = ();

    fn queue(command: &Copy) -> u128 {
        command.tenant.as_u128()
    }

    fn weight(_: &Copy) -> usize {
        64
    }

    fn decide(&mut self, command: &Copy, _: u64, now_micros: i64) -> Decision<()> {
        self.latest = now_micros;
        Decision::Append { value: self.write(command, now_micros), traceparent: None, answer: () }
    }

    fn barrier(&mut self, _: u64, now_micros: i64) -> Vec<u8> {
        self.latest = now_micros;
        Entry::barrier(Time(now_micros)).encode(0)
    }

    fn admitted(&mut self, _: &Admitted<'_>) -> Result<(), Poison> {
        Ok(())
    }

    fn roll_back(&mut self) {}

    fn latest_micros(&self) -> i64 {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.latest.max(i64::try_from(since_1970.as_micros()).unwrap_or(0))
    }

    fn panicked(_: &Copy, _: String) {}
}
