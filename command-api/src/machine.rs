//! The owner's machine: decides commands on the folded books of one partition, and writes the entries.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use daybook_contents::BoundedContext;
use daybook_journal::{Admitted, Decision, Machine, Poison, Position, Resume};
use daybook_kernel::{
    Books, Kind, Number, Published, Recorded, Rejection, Tenant, Time,
    book::{Applied, Call, Given, Overlay, Placed},
};
use daybook_schemas::{
    Catalogue,
    envelope::{Entry, Event, MAX_ENTRY, Used},
};
use uuid::Uuid;

use daybook_authority::Moment;

use crate::{
    cause::Cause,
    command::{Answer, Command, Receipt},
    facts::FactTable,
    keeping::Keeping,
    membership,
    permission::Asking,
    standings::Standings,
    store::Store,
    watermarks::{Marked, Watermarks, check_depth},
    window::{Key, Remembered, Window},
};

/// What every machine of this process shares.
#[derive(Clone)]
pub struct Shared {
    /// The schemas of all events.
    pub catalogue: Arc<Catalogue>,
    /// The registry's id of the envelope's schema.
    pub envelope_id: u32,
    /// What contexts let each other know.
    pub facts: FactTable,
    /// Who may do what.
    pub standings: Standings,
    /// Where books lie that are not in memory.
    pub store: Store,
    /// Of what is stored, how many aggregates of a partition are kept in memory.
    pub cached: usize,
}

/// The books of one partition, with what was decided and is not admitted yet.
pub struct BooksMachine {
    topic: String,
    partition: i32,
    shared: Shared,
    books: Books,
    book_numbers: Overlay<Tenant, u64>,
    window: Window,
    watermarks: Watermarks,
    /// The highest time of an entry, decided or admitted.
    latest: i64,
    /// When this machine was made, in microseconds since 1970.
    made: i64,
    pending: VecDeque<Pending>,
    keeping: Keeping,
}

/// An entry that was decided and is not admitted yet.
struct Pending {
    time: i64,
    latest_before: i64,
    /// None for a barrier.
    work: Option<Work>,
}

/// What an accepted command made.
struct Work {
    tenant: Tenant,
    key: Key,
    remembered: Remembered,
    applied: Vec<Applied>,
    book_number: u64,
    marked: Option<Marked>,
    facts: Vec<(Uuid, Published)>,
}

impl BooksMachine {
    /// The machine of one partition of that context's journal, as far as it is stored.
    pub fn new(context: &BoundedContext, partition: i32, shared: Shared) -> Self {
        let store = shared.store.context(context.name).clone();
        let keeping = Keeping::new(&shared.store, store.clone(), partition);
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            topic: format!("journal.{}", context.name),
            partition,
            books: Books::over(context.kinds, Box::new(store.clone()), shared.cached),
            book_numbers: Overlay::default(),
            window: Window::over(store.clone()),
            watermarks: Watermarks::over(store),
            latest: keeping.latest,
            made: i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX),
            pending: VecDeque::new(),
            keeping,
            shared,
        }
    }

    fn position(&self, number: u64) -> Position {
        Position { topic: self.topic.as_str().into(), partition: self.partition, number }
    }

    fn number(&self, tenant: Tenant, kind: &dyn Kind, id: Uuid) -> Option<Number> {
        let prefix = kind.meta().number?;
        let (state, _) = self.books.find(tenant, kind, id)?;
        Some(Number::new(prefix, kind.place(&state)))
    }

    fn receipt(&self, tenant: Tenant, kind: &dyn Kind, seen: &Remembered) -> Receipt {
        Receipt {
            id: seen.id,
            version: seen.version,
            position: self.position(seen.number),
            number: self.number(tenant, kind, seen.id),
        }
    }

    /// Decides the steps one after the other, each on what those before it changed.
    fn decide_steps(&mut self, command: &Command, now: Time, steps: &mut Steps) -> Result<Vec<Used>, Rejection> {
        let facts = self.shared.facts.clone();
        let facts = facts.of(command.tenant);
        membership::check(command, &facts)?;
        let moment = Moment::at(now).with_second_factor(command.second_factor);
        let asking = Asking::new(self.shared.standings.principal(command), moment);
        if command.occurred_at.is_some() {
            asking.dates_back()?;
        }
        for (n, alternatives) in command.steps.iter().enumerate() {
            let state = |call: &Call| self.books.find(command.tenant, call.kind, call.id).map(|(state, _)| state);
            let allowed = |call: &&Call| call.kind.allowed(state(call).as_ref()).contains(&call.command);
            let possible = || alternatives.iter().filter(allowed);
            let permitted = possible().find(|call| asking.may_give(call, state(call).as_ref()).is_ok());
            let Some(call) = permitted.or(possible().next()).or(alternatives.first()) else { continue };
            let before = state(call);
            asking.may_give(call, before.as_ref())?;
            let given = Given {
                actor: &command.actor,
                now,
                occurred_at: command.occurred_at,
                // Each step has fresh ids of its own.
                seed: Uuid::from_u128(command.seed.as_u128().wrapping_add((n as u128) << 16)),
                facts: &facts,
                expected: command.expected.filter(|_| n == 0),
            };
            let decided = self.books.decide(command.tenant, std::slice::from_ref(call), &given)?;
            steps.events.extend(decided.events);
            steps.applied.push(decided.applied);
            if let (None, Some((begun, _))) = (before, self.books.find(command.tenant, call.kind, call.id)) {
                asking.may_begin(call, &begun)?;
            }
        }
        Ok(facts.used().into_iter().map(used).collect())
    }

    /// Writes the entry, and reads it again: what is appended must be what everybody will read.
    fn write(&self, command: &Command, events: &[Placed], references: Vec<Used>, now: Time) -> Result<Vec<u8>, Answer> {
        let defect = |error: daybook_schemas::WireError| Answer::Defect(error.to_string());
        let mut written = Vec::with_capacity(events.len());
        for (n, placed) in events.iter().enumerate() {
            let Placed { event, version } = placed;
            let (schema, data) = self.shared.catalogue.encode(event.kind, event.event, &event.body).map_err(defect)?;
            let wire_name = event.wire_name();
            let (_, _, read) = self.shared.catalogue.decode(&wire_name, &schema, &data).map_err(defect)?;
            if read != event.body {
                return Err(Answer::Defect(format!("{wire_name} is read otherwise than it was written")));
            }
            written.push(Event {
                // Ids of events stand apart from the fresh ids of the domain by their high bits.
                id: Uuid::from_u128(command.seed.as_u128().wrapping_add((n as u128 + 1) << 40)),
                event_type: wire_name,
                aggregate_type: event.kind.meta().type_name.to_owned(),
                aggregate_id: event.id,
                version: *version,
                schema,
                data,
            });
        }
        let entry = Entry {
            tenant: command.tenant,
            book: None,
            book_number: self.book_number(command.tenant) + 1,
            command_id: command.id.to_string(),
            request_fingerprint: command.fingerprint,
            actor: command.actor.to_string(),
            on_behalf_of: None,
            time: now,
            occurred_at: command.occurred_at,
            correlation: command.correlation.to_string(),
            causation: command.cause.as_ref().map(|cause| cause.causation.clone()),
            traceparent: command.traceparent.clone(),
            references,
            events: written,
        };
        let value = entry.encode(self.shared.envelope_id);
        match value.len() {
            size if size > MAX_ENTRY => Err(Answer::TooLarge { size }),
            _ => Ok(value),
        }
    }

    fn book_number(&self, tenant: Tenant) -> u64 {
        self.book_numbers.get(&tenant).copied().unwrap_or_else(|| self.keeping.store.book_number(tenant))
    }

    fn take_back(&mut self, applied: Vec<Applied>) {
        applied.into_iter().rev().for_each(|applied| self.books.undo(applied));
    }

    /// The facts that follow from events, as the aggregates stand now.
    fn facts(&self, tenant: Tenant, events: impl Iterator<Item = (&'static dyn Kind, Uuid)>) -> Vec<(Uuid, Published)> {
        let fact = |(kind, id): (&'static dyn Kind, Uuid)| {
            let (state, _) = self.books.find(tenant, kind, id)?;
            Some((id, kind.fact(&state)?))
        };
        events.filter_map(fact).collect()
    }

    /// Folds an entry that another owner decided, or this one in an earlier life.
    fn fold(&mut self, admitted: &Admitted<'_>) -> Result<(), Poison> {
        let poison = |error: &dyn std::fmt::Display| Poison(format!("{}: {error}", admitted.position));
        let entry = Entry::decode(&admitted.value).map_err(|error| poison(&error))?;
        self.latest = self.latest.max(entry.time.0);
        self.keeping.latest = self.latest;
        self.keeping.unsaved += 1;
        if entry.events.is_empty() {
            return Ok(());
        }
        let mut events = Vec::with_capacity(entry.events.len());
        for event in &entry.events {
            let decoded = self.shared.catalogue.decode(&event.event_type, &event.schema, &event.data);
            let (kind, index, body) = decoded.map_err(|error| poison(&error))?;
            events.push(Recorded { kind, id: event.aggregate_id, event: index, body });
        }
        let number = admitted.position.number;
        let Self { books, shared, keeping, .. } = self;
        let folded = books.fold(entry.tenant, events, number, |kind, id, state| {
            if let Some(fact) = kind.fact(state) {
                keeping.facts.push((fact.of, entry.tenant, id));
                shared.standings.heed(entry.tenant, id, fact.fact.clone());
                shared.facts.publish(entry.tenant, id, fact, admitted.position.clone());
            }
        });
        folded.map_err(|error| poison(&error))?;
        self.book_numbers.put_admitted(entry.tenant, entry.book_number);
        if let Some(cause) = Cause::of(&entry) {
            let marked = self.watermarks.put(entry.tenant, &cause);
            self.watermarks.admit(&marked);
        }
        if Window::covers(entry.time.0, self.made) {
            let first = &entry.events[0];
            let last = entry.events.iter().rfind(|event| event.aggregate_id == first.aggregate_id).unwrap_or(first);
            let fingerprint = &entry.request_fingerprint;
            let remembered = Remembered::new(fingerprint, first.aggregate_id, last.version, number, entry.time.0);
            self.window.remember_admitted(Key::new(entry.tenant, &entry.command_id), remembered);
        }
        Ok(())
    }

    /// What was applied is admitted: it is to be saved, and others may know of it.
    fn admit(&mut self, work: Work, position: &Position) {
        for applied in work.applied {
            self.books.admit(applied, position.number);
        }
        self.book_numbers.admit(&work.tenant, work.book_number);
        self.window.admit(&work.key, work.remembered);
        if let Some(marked) = &work.marked {
            self.watermarks.admit(marked);
        }
        for (id, fact) in work.facts {
            self.keeping.facts.push((fact.of, work.tenant, id));
            self.shared.standings.heed(work.tenant, id, fact.fact.clone());
            self.shared.facts.publish(work.tenant, id, fact, position.clone());
        }
    }
}

/// What the steps of a command made, so far.
#[derive(Default)]
struct Steps {
    events: Vec<Placed>,
    applied: Vec<Applied>,
}

impl Machine for BooksMachine {
    type Command = Command;
    type Answer = Answer;

    fn queue(command: &Command) -> u128 {
        command.tenant.as_u128()
    }

    fn weight(command: &Command) -> usize {
        // A parsed body takes a few times its text.
        512 + 4 * command.size
    }

    fn decide(&mut self, command: &Command, number: u64, now_micros: i64) -> Decision<Answer> {
        let Some(target) = command.steps.first().and_then(|alternatives| alternatives.first()) else {
            return Decision::Answer(Answer::Defect("a command without steps".to_owned()));
        };
        if let Some(cause) = command.cause.as_deref() {
            if let Err(rejection) = check_depth(&cause.causation) {
                return Decision::Answer(Answer::Rejected(rejection));
            }
            // This stands for the window of command ids, which forgets after a day and in which a client may use any id.
            if self.watermarks.is_done(command.tenant, cause) {
                return Decision::Answer(Answer::AlreadyDone);
            }
        }
        let key = Key::new(command.tenant, &command.id);
        let seen = self.window.find(&key, now_micros).filter(|_| command.cause.is_none());
        if let Some(seen) = seen {
            return Decision::Answer(match seen.matches(&command.fingerprint) {
                true => Answer::Accepted(self.receipt(command.tenant, target.kind, &seen)),
                false => Answer::KeyReused,
            });
        }
        let mut steps = Steps::default();
        let references = match self.decide_steps(command, Time(now_micros), &mut steps) {
            Ok(references) => references,
            Err(rejection) => {
                self.take_back(steps.applied);
                return Decision::Answer(Answer::Rejected(rejection));
            }
        };
        if steps.events.is_empty() {
            let version = self.books.find(command.tenant, target.kind, target.id).map_or(0, |(_, version)| version);
            return Decision::Answer(Answer::Unchanged { id: target.id, version });
        }
        let value = match self.write(command, &steps.events, references, Time(now_micros)) {
            Ok(value) => value,
            Err(answer) => {
                self.take_back(steps.applied);
                return Decision::Answer(answer);
            }
        };
        let version =
            steps.events.iter().rfind(|placed| placed.event.id == target.id).map_or(0, |placed| placed.version);
        let seen = Remembered::new(&command.fingerprint, target.id, version, number, now_micros);
        self.window.remember(key, seen);
        let book_number = self.book_number(command.tenant) + 1;
        self.book_numbers.put(command.tenant, book_number);
        let about = steps.events.iter().map(|placed| (placed.event.kind, placed.event.id));
        let facts = self.facts(command.tenant, about);
        let latest_before = std::mem::replace(&mut self.latest, now_micros);
        let (tenant, applied) = (command.tenant, steps.applied);
        let marked = command.cause.as_deref().map(|cause| self.watermarks.put(tenant, cause));
        let work = Work { tenant, key, remembered: seen, applied, book_number, marked, facts };
        self.pending.push_back(Pending { time: now_micros, latest_before, work: Some(work) });
        Decision::Append {
            value,
            traceparent: command.traceparent.clone(),
            answer: Answer::Accepted(self.receipt(command.tenant, target.kind, &seen)),
        }
    }

    fn barrier(&mut self, _number: u64, now_micros: i64) -> Vec<u8> {
        let latest_before = std::mem::replace(&mut self.latest, now_micros);
        self.pending.push_back(Pending { time: now_micros, latest_before, work: None });
        Entry::barrier(Time(now_micros)).encode(self.shared.envelope_id)
    }

    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison> {
        if !entry.own {
            return self.fold(entry);
        }
        let Some(pending) = self.pending.pop_front() else {
            return Err(Poison(format!("{}: an entry of this owner that it did not decide", entry.position)));
        };
        self.keeping.latest = pending.time;
        self.keeping.unsaved += 1;
        if let Some(work) = pending.work {
            self.admit(work, &entry.position);
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        while let Some(pending) = self.pending.pop_back() {
            self.latest = pending.latest_before;
            if let Some(work) = pending.work {
                self.take_back(work.applied);
                self.window.take_back(&work.key);
                self.book_numbers.take_back(&work.tenant, Some(work.book_number - 1));
                if let Some(marked) = &work.marked {
                    self.watermarks.take_back(marked);
                }
            }
        }
    }

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn resume(&self) -> Option<Resume> {
        self.keeping.resume.clone()
    }

    fn keep(&mut self, at: &Resume) -> Result<(), Poison> {
        if let Some(saved) = self.keeping.written()? {
            self.books.saved();
            self.book_numbers.saved();
            self.window.saved();
            self.watermarks.saved();
            self.shared.facts.saved(&saved.facts, saved.batch().at.checkpoint.number);
        }
        if self.keeping.is_due() {
            let books = self.books.take_unsaved();
            let book_numbers = self.book_numbers.take_unsaved();
            let (remembered, marks) = (self.window.take_unsaved(), self.watermarks.take_unsaved());
            self.keeping.save(at, books, book_numbers, remembered, marks);
        }
        Ok(())
    }

    fn panicked(_command: &Command, message: String) -> Answer {
        Answer::Defect(message)
    }
}

fn used(position: Position) -> Used {
    Used { topic: position.topic.to_string(), partition: position.partition, number: position.number }
}
