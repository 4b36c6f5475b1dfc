//! A random walk: commands of every kind, with bodies of their shape, given to a few aggregates of one book.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use daybook_contents::{BoundedContext, CONTEXTS};
use daybook_facts as facts;
use daybook_kernel::{
    Actor, Books, Datum, Facts, Kind, Recorded, Referable, Rejection, Time,
    book::{Call, Given, Placed},
    json,
    specimen::{self, Specimens},
};
use uuid::Uuid;

use crate::saved::SavedBooks;

pub const TENANT: Uuid = Uuid::from_u128(0x7e);

/// The ids of aggregates and users. Few, so that commands meet.
pub const IDS: [Uuid; 5] =
    [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3), Uuid::from_u128(4), Uuid::from_u128(5)];

/// Everybody is there and active but the last, who is neither; every permission that a specimen names is declared.
struct Everybody;

impl Facts for Everybody {
    fn find(&self, of: &'static str, id: Uuid) -> Option<Arc<dyn Any + Send + Sync>> {
        use daybook_facts::{configuration_item, subscription, user};
        let last = id == IDS[4];
        match of {
            facts::User::TYPE if last => Some(Arc::new(facts::User::with(user::Status::Inactive))),
            facts::User::TYPE => Some(Arc::new(facts::User::with(user::Status::Active))),
            facts::Group::TYPE => {
                let members = IDS.iter().copied().map(Into::into).collect();
                Some(Arc::new(facts::Group::of(members)))
            }
            facts::ConfigurationItem::TYPE if !last => {
                Some(Arc::new(facts::ConfigurationItem { status: configuration_item::Status::Active }))
            }
            facts::Subscription::TYPE => {
                // Little is included, and of what is used up there is an end.
                let limit = |metric| subscription::Limit { metric, soft: 2, hard: None };
                let calls = subscription::Limit { metric: subscription::Metric::ApiCalls, soft: 2, hard: Some(4) };
                let limits = vec![limit(subscription::Metric::Teams), limit(subscription::Metric::AnalysisJobs), calls];
                Some(Arc::new(facts::Subscription { status: subscription::Status::Active, limits }))
            }
            facts::Permissions::TYPE => Some(Arc::new(facts::Permissions { all: specimen::permissions().collect() })),
            _ => None,
        }
    }
}

/// An aggregate as it stands, to be compared: its status, its version and its state.
pub type Image = BTreeMap<(&'static str, Uuid), (&'static str, u64, Datum)>;

/// A book on its way.
pub struct Walk {
    context: &'static BoundedContext,
    pub books: Books,
    /// Follows the book by its events only.
    follower: Books,
    /// Is given the same commands, and saved now and then.
    saved: SavedBooks,
    /// Follows by events only, and is saved now and then.
    folded: SavedBooks,
    now: i64,
    seed: u128,
    /// Which aggregate the last command was given to.
    last: Option<(&'static dyn Kind, Uuid)>,
}

/// What one step did.
pub struct Step {
    pub kind: &'static dyn Kind,
    pub command: usize,
    pub outcome: Result<Vec<Placed>, Rejection>,
}

/// What a command would do: the status before it and after it.
pub struct Tried {
    pub command: usize,
    pub status: Option<&'static str>,
    pub after: Option<&'static str>,
    pub outcome: Result<Vec<Placed>, Rejection>,
}

impl Walk {
    pub fn new(context: &'static BoundedContext) -> Self {
        Self {
            context,
            books: Books::new(context.kinds),
            follower: Books::new(context.kinds),
            saved: SavedBooks::new(context.kinds),
            folded: SavedBooks::new(context.kinds),
            now: 1_767_225_600_000_000,
            seed: 1 << 64,
            last: None,
        }
    }

    pub fn contexts() -> impl Iterator<Item = Self> {
        CONTEXTS.iter().map(Self::new)
    }

    /// Gives one command that `pick` chooses, and checks the laws that hold for every step.
    pub fn step(&mut self, pick: &mut dyn FnMut(usize) -> usize) -> Step {
        // Often the same one again, so that the walk gets deep in little time.
        let (kind, id) = match self.last.filter(|_| pick(3) > 0) {
            Some(last) => last,
            None => (self.context.kinds[pick(self.context.kinds.len())], IDS[pick(IDS.len())]),
        };
        self.last = Some((kind, id));
        let state = self.books.find(TENANT, kind, id).map(|(state, _)| state);
        let allowed = kind.allowed(state.as_ref());
        // Mostly what is possible, so that the walk gets somewhere.
        let command = match pick(4) {
            0 => pick(kind.commands().len()),
            _ if allowed.is_empty() => pick(kind.commands().len()),
            _ => match allowed[pick(allowed.len())] {
                // Seldom what leaves nothing to walk on with.
                last if kind.commands()[last].name == "erase" && pick(10) > 0 => allowed[pick(allowed.len())],
                command => command,
            },
        };
        let (actor, call) = self.choose(kind, id, command, pick);
        let outcome = self.give(&actor, call);
        Step { kind, command, outcome }
    }

    /// How many steps it takes for something to happen to aggregates of every kind.
    pub fn length(&self) -> usize {
        100.max(60 * self.context.kinds.len())
    }

    /// The name of its context.
    pub fn name(&self) -> &'static str {
        self.context.name
    }

    /// Where an aggregate is or could be: its kind, its id, its status.
    pub fn places(&self) -> impl Iterator<Item = (&'static dyn Kind, Uuid, Option<&'static str>)> {
        self.context.kinds.iter().flat_map(move |kind| {
            let status = |id| self.books.find(TENANT, *kind, id).map(|(state, _)| kind.status(&state));
            IDS.into_iter().map(move |id| (*kind, id, status(id)))
        })
    }

    /// Gives every command to that aggregate, and takes each back.
    pub fn try_all(
        &mut self,
        kind: &'static dyn Kind,
        id: Uuid,
        pick: &mut dyn FnMut(usize) -> usize,
        mut tried: impl FnMut(Tried),
    ) {
        let status = self.books.find(TENANT, kind, id).map(|(state, _)| kind.status(&state));
        for command in 0..kind.commands().len() {
            let (actor, call) = self.choose(kind, id, command, pick);
            let (outcome, applied) = match self.books.decide(TENANT, &[call], &self.given(&actor)) {
                Ok(decided) => (Ok(decided.events), Some(decided.applied)),
                Err(rejection) => (Err(rejection), None),
            };
            let after = self.books.find(TENANT, kind, id).map(|(state, _)| kind.status(&state));
            tried(Tried { command, status, after, outcome });
            if let Some(applied) = applied {
                self.books.undo(applied);
            }
        }
    }

    fn choose(
        &mut self,
        kind: &'static dyn Kind,
        id: Uuid,
        command: usize,
        pick: &mut dyn FnMut(usize) -> usize,
    ) -> (Actor, Call) {
        let mut ids = IDS.to_vec();
        if let Some((state, _)) = self.books.find(TENANT, kind, id) {
            // What it holds itself, such as its tasks, can be named too.
            ids_in(&kind.to_datum(&state), &mut ids);
        }
        let body =
            Specimens { pick, ids: &ids, around: Time(self.now), sealed: true }.record(kind.commands()[command].body);
        let user = IDS[pick(IDS.len())];
        // Mostly minutes go by, sometimes days: deadlines are met and missed.
        let minutes = if pick(6) == 0 { pick(12) * 24 * 60 } else { pick(60) };
        self.now += 1 + i64::try_from(minutes).unwrap() * 60 * 1_000_000;
        self.seed += 1 << 32;
        let actor = if pick(8) == 0 { Actor::Service("walker".into()) } else { Actor::User(user) };
        (actor, Call { kind, id, command, body })
    }

    fn given<'a>(&self, actor: &'a Actor) -> Given<'a> {
        Given {
            actor,
            now: Time(self.now),
            occurred_at: None,
            seed: Uuid::from_u128(self.seed),
            facts: &Everybody,
            expected: None,
        }
    }

    fn give(&mut self, actor: &Actor, call: Call) -> Result<Vec<Placed>, Rejection> {
        let before = image(&self.books);
        let given = self.given(actor);
        let calls = std::slice::from_ref(&call);
        let decided = match self.books.decide(TENANT, calls, &given) {
            Ok(decided) => decided,
            Err(rejection) => {
                assert_eq!(image(&self.books), before, "a refused command changes nothing: {call:?}");
                self.books.audit().unwrap();
                let by_saved = self.saved.decide(&call, &given).err();
                assert_eq!(by_saved.as_ref(), Some(&rejection), "books over a store decide the same: {call:?}");
                return Err(rejection);
            }
        };
        check_versions(&before, &decided.events);
        let after = image(&self.books);
        self.books.audit().unwrap();

        self.books.undo(decided.applied);
        assert_eq!(image(&self.books), before, "what is taken back leaves no trace: {call:?}");
        self.books.audit().unwrap();

        let again = self.books.decide(TENANT, calls, &given).expect("a decision is a function of what it is given");
        assert_eq!(bodies(&again.events), bodies(&decided.events));
        assert_eq!(image(&self.books), after);

        let recorded: Vec<Recorded> = again.events.iter().map(|placed| stored(&placed.event)).collect();
        drop(self.follower.apply(TENANT, &recorded).expect("what was decided can be followed"));
        assert_eq!(image(&self.follower), after, "who follows the events comes to the same");
        self.follower.audit().unwrap();
        again.events.iter().for_each(|placed| check_state(&self.books, placed.event.kind, placed.event.id));

        let by_saved = self.saved.decide(&call, &given).expect("books over a store decide the same");
        assert_eq!(bodies(&by_saved.events), bodies(&decided.events), "{call:?}");
        self.folded.fold(&recorded);
        for ((of, id), (_, version, datum)) in &after {
            let kind = self.context.kinds.iter().find(|kind| kind.meta().type_name == *of).expect("of this context");
            for books in [&self.saved, &self.folded] {
                assert_eq!(books.find(*kind, *id).as_ref(), Some(&(*version, datum.clone())), "{of} {id}");
            }
        }
        assert!(self.saved.in_memory().max(self.folded.in_memory()) <= 8, "what is saved is let go");
        Ok(again.events)
    }
}

fn ids_in(datum: &Datum, found: &mut Vec<Uuid>) {
    match datum {
        Datum::Id(id) if !found.contains(id) => found.push(*id),
        Datum::List(items) | Datum::Record(items) => items.iter().for_each(|item| ids_in(item, found)),
        _ => {}
    }
}

/// The event as it comes back from a store.
fn stored(event: &Recorded) -> Recorded {
    let shape = event.kind.events()[event.event].body;
    let body = json::restore(shape, &json::write_record(shape, &event.body)).expect("a stored event can be read");
    assert_eq!(body, event.body, "{}", event.wire_name());
    Recorded { body, ..event.clone() }
}

pub fn image(books: &Books) -> Image {
    let seen = books.iter().map(|(_, kind, id, state, version)| {
        ((kind.meta().type_name, id), (kind.status(state), version, kind.to_datum(state)))
    });
    seen.collect()
}

fn bodies(events: &[Placed]) -> Vec<(Uuid, u64, String, Datum)> {
    let one = |placed: &Placed| (placed.event.id, placed.version, placed.event.wire_name(), placed.event.body.clone());
    events.iter().map(one).collect()
}

/// Versions have no gaps.
fn check_versions(before: &Image, events: &[Placed]) {
    let mut versions: BTreeMap<_, u64> = before.iter().map(|(key, (_, version, _))| (*key, *version)).collect();
    for placed in events {
        let version = versions.entry((placed.event.kind.meta().type_name, placed.event.id)).or_default();
        *version += 1;
        assert_eq!(placed.version, *version, "{}", placed.event.wire_name());
    }
    assert!(before.keys().all(|key| versions.contains_key(key)));
}

/// A state can be written down and read again: as a datum, and as a document.
fn check_state(books: &Books, kind: &'static dyn Kind, id: Uuid) {
    let (state, version) = books.find(TENANT, kind, id).expect("it was changed just now");
    let datum = kind.to_datum(&state);
    let again = kind.from_datum(datum.clone()).expect("a state can be read");
    assert_eq!(kind.to_datum(&again), datum, "{kind:?} {id}");
    let document = json::write_record(kind.meta().shape, &datum);
    assert_eq!(json::restore(kind.meta().shape, &document).expect("a document can be read"), datum, "{kind:?} {id}");
    let mut restored = Books::new(kinds_of(kind));
    drop(restored.restore(TENANT, kind, id, again, version).expect("a state finds its place"));
    assert_eq!(restored.find(TENANT, kind, id).map(|(_, version)| version), Some(version));
}

fn kinds_of(kind: &dyn Kind) -> &'static [&'static dyn Kind] {
    daybook_contents::context(kind.meta().context).expect("every kind has a context").kinds
}
