//! The owner's machine: decides commands on the folded books of one partition, and writes the entries.

use std::{collections::HashMap, collections::VecDeque, sync::Arc};

use daybook_contents::BoundedContext;
use daybook_journal::{Admitted, Decision, Machine, Poison, Position};
use daybook_kernel::{
    Books, Kind, Number, PLATFORM, Published, Recorded, Rejection, Tenant, Time,
    book::{Given, Placed, Undo},
};
use daybook_schemas::{
    Catalogue,
    envelope::{Entry, Event, MAX_ENTRY, Used},
};
use uuid::Uuid;

use crate::{
    command::{Answer, Command, Receipt},
    facts::FactTable,
    membership,
    window::{Key, Seen, Window},
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
}

/// The books of one partition, with what was decided and is not admitted yet.
pub struct BooksMachine {
    topic: String,
    partition: i32,
    shared: Shared,
    books: Books,
    book_numbers: HashMap<Tenant, u64>,
    window: Window,
    latest: i64,
    pending: VecDeque<Pending>,
}

/// An entry that was decided and is not admitted yet.
struct Pending {
    tenant: Tenant,
    key: Option<Key>,
    undo: Vec<Undo>,
    latest_before: i64,
    facts: Vec<(Uuid, Published)>,
}

impl BooksMachine {
    /// The machine of one partition of that context's journal, before its first entry.
    pub fn new(context: &BoundedContext, partition: i32, shared: Shared) -> Self {
        Self {
            topic: format!("journal.{}", context.name),
            partition,
            shared,
            books: Books::new(context.kinds),
            book_numbers: HashMap::new(),
            window: Window::default(),
            latest: 0,
            pending: VecDeque::new(),
        }
    }

    fn position(&self, number: u64) -> Position {
        Position { topic: self.topic.as_str().into(), partition: self.partition, number }
    }

    fn number(&self, tenant: Tenant, kind: &dyn Kind, id: Uuid) -> Option<Number> {
        let prefix = kind.meta().number?;
        let (state, _) = self.books.find(tenant, kind, id)?;
        Some(Number::new(prefix, kind.place(state)))
    }

    fn receipt(&self, tenant: Tenant, kind: &dyn Kind, seen: &Seen) -> Receipt {
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
        for (n, alternatives) in command.steps.iter().enumerate() {
            let call = alternatives
                .iter()
                .find(|call| {
                    let state = self.books.find(command.tenant, call.kind, call.id).map(|(state, _)| state);
                    call.kind.allowed(state).contains(&call.command)
                })
                .or(alternatives.first());
            let Some(call) = call else { continue };
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
            steps.undo.push(decided.undo);
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
            book_number: self.book_numbers.get(&command.tenant).copied().unwrap_or(0) + 1,
            command_id: command.id.to_string(),
            request_fingerprint: command.fingerprint,
            actor: command.actor.to_string(),
            on_behalf_of: None,
            time: now,
            occurred_at: command.occurred_at,
            correlation: command.correlation.to_string(),
            causation: None,
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

    fn take_back(&mut self, undo: Vec<Undo>) {
        undo.into_iter().rev().for_each(|undo| self.books.undo(undo));
    }

    /// The facts that follow from events, as the aggregates stand now.
    fn facts(&self, tenant: Tenant, events: impl Iterator<Item = (&'static dyn Kind, Uuid)>) -> Vec<(Uuid, Published)> {
        let fact = |(kind, id): (&'static dyn Kind, Uuid)| {
            let (state, _) = self.books.find(tenant, kind, id)?;
            Some((id, kind.fact(state)?))
        };
        events.filter_map(fact).collect()
    }

    /// Folds an entry that another owner decided, or this one in an earlier life.
    fn fold(&mut self, admitted: &Admitted<'_>) -> Result<(), Poison> {
        let poison = |error: &dyn std::fmt::Display| Poison(format!("{}: {error}", admitted.position));
        let entry = Entry::decode(&admitted.value).map_err(|error| poison(&error))?;
        self.latest = self.latest.max(entry.time.0);
        if entry.events.is_empty() {
            return Ok(());
        }
        let mut events = Vec::with_capacity(entry.events.len());
        for event in &entry.events {
            let decoded = self.shared.catalogue.decode(&event.event_type, &event.schema, &event.data);
            let (kind, index, body) = decoded.map_err(|error| poison(&error))?;
            events.push(Recorded { kind, id: event.aggregate_id, event: index, body });
        }
        // What was admitted is not taken back.
        drop(self.books.apply(entry.tenant, &events).map_err(|error| poison(&error))?);
        let about = events.iter().map(|event| (event.kind, event.id));
        for (id, fact) in self.facts(entry.tenant, about) {
            self.shared.facts.publish(entry.tenant, id, fact, admitted.position.clone());
        }
        *self.book_numbers.entry(entry.tenant).or_default() = entry.book_number;
        let first = &entry.events[0];
        let version =
            entry.events.iter().rfind(|event| event.aggregate_id == first.aggregate_id).map_or(0, |e| e.version);
        let seen = Seen::new(&entry.request_fingerprint, first.aggregate_id, version, admitted.position.number);
        self.window.remember(Key::new(entry.tenant, &entry.command_id), seen, entry.time.0);
        Ok(())
    }
}

/// What the steps of a command made, so far.
#[derive(Default)]
struct Steps {
    events: Vec<Placed>,
    undo: Vec<Undo>,
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
        let key = Key::new(command.tenant, &command.id);
        if let Some(seen) = self.window.find(key) {
            return Decision::Answer(match seen.matches(&command.fingerprint) {
                true => Answer::Accepted(self.receipt(command.tenant, target.kind, seen)),
                false => Answer::KeyReused,
            });
        }
        let mut steps = Steps::default();
        let references = match self.decide_steps(command, Time(now_micros), &mut steps) {
            Ok(references) => references,
            Err(rejection) => {
                self.take_back(steps.undo);
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
                self.take_back(steps.undo);
                return Decision::Answer(answer);
            }
        };
        let version =
            steps.events.iter().rfind(|placed| placed.event.id == target.id).map_or(0, |placed| placed.version);
        let seen = Seen::new(&command.fingerprint, target.id, version, number);
        self.window.remember(key, seen, now_micros);
        *self.book_numbers.entry(command.tenant).or_default() += 1;
        let about = steps.events.iter().map(|placed| (placed.event.kind, placed.event.id));
        let facts = self.facts(command.tenant, about);
        let latest_before = std::mem::replace(&mut self.latest, now_micros);
        self.pending.push_back(Pending {
            tenant: command.tenant,
            key: Some(key),
            undo: steps.undo,
            latest_before,
            facts,
        });
        Decision::Append {
            value,
            traceparent: command.traceparent.clone(),
            answer: Answer::Accepted(self.receipt(command.tenant, target.kind, &seen)),
        }
    }

    fn barrier(&mut self, _number: u64, now_micros: i64) -> Vec<u8> {
        let latest_before = std::mem::replace(&mut self.latest, now_micros);
        self.pending.push_back(Pending {
            tenant: PLATFORM,
            key: None,
            undo: Vec::new(),
            latest_before,
            facts: Vec::new(),
        });
        Entry::barrier(Time(now_micros)).encode(self.shared.envelope_id)
    }

    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison> {
        if !entry.own {
            return self.fold(entry);
        }
        let Some(pending) = self.pending.pop_front() else {
            return Err(Poison(format!("{}: an entry of this owner that it did not decide", entry.position)));
        };
        for (id, fact) in pending.facts {
            self.shared.facts.publish(pending.tenant, id, fact, entry.position.clone());
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        while let Some(pending) = self.pending.pop_back() {
            self.take_back(pending.undo);
            self.latest = pending.latest_before;
            if let Some(key) = pending.key {
                self.window.take_back(key);
                if let Some(book_number) = self.book_numbers.get_mut(&pending.tenant) {
                    *book_number -= 1;
                }
            }
        }
    }

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_command: &Command, message: String) -> Answer {
        Answer::Defect(message)
    }
}

fn used(position: Position) -> Used {
    Used { topic: position.topic.to_string(), partition: position.partition, number: position.number }
}
