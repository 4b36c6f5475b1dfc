//! Streams of events, one for each aggregate, as the machine of a journal: who appends says how many events there are, and
//! is refused where there are more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::entry::Admitted;
use crate::machine::{Decision, Machine, Poison};
use crate::position::partition_of;

/// The name of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Stream {
    #[serde(rename = "aggregate_type")]
    pub(super) kind: String,
    #[serde(rename = "aggregate_id")]
    pub(super) id: String,
}

impl Stream {
    pub(super) fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }

    /// 16 bytes that stand for the name.
    fn digest(&self) -> [u8; 16] {
        let digest = Sha256::new().chain_update(&self.kind).chain_update([0]).chain_update(&self.id).finalize();
        std::array::from_fn(|n| digest[n])
    }

    /// The partition that holds the stream: fixed for ever, so a journal's number of partitions is too.
    pub(super) fn partition(&self, partitions: i32) -> i32 {
        partition_of(&self.digest(), partitions)
    }
}

/// An event as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Recorded {
    pub(super) event_type: String,
    pub(super) event_version: String,
    pub(super) payload: Json,
}

/// The events of one commit: the value of an entry, as JSON. One without events is a barrier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Page {
    #[serde(flatten)]
    pub(super) stream: Stream,
    /// The sequence of the first event, from 1.
    pub(super) first: usize,
    /// The owner's clock, in microseconds since 1970.
    pub(super) time: i64,
    pub(super) metadata: HashMap<String, String>,
    pub(super) events: Vec<Recorded>,
}

/// The admitted events, shared between the owner's thread and those who load.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<RwLock<HashMap<Stream, Vec<Arc<Page>>>>>);

impl Held {
    /// The pages of a stream, in order.
    pub(super) fn pages(&self, stream: &Stream) -> Vec<Arc<Page>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(stream).cloned().unwrap_or_default()
    }

    fn add(&self, page: Arc<Page>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.entry(page.stream.clone()).or_default().push(page);
    }
}

/// A commit. Its page's `first` says how many events there must be before.
pub(super) struct Append(pub(super) Page);

/// What is said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Appended,
    /// The stream has another length.
    Conflict,
    /// A defect of ours; nothing was appended.
    Failed(String),
}

/// The streams of one partition.
pub(super) struct Streams {
    held: Held,
    /// How many events each stream has, with those that are not admitted yet.
    lengths: HashMap<Stream, usize>,
    /// What was decided and is not admitted yet, with the time before it.
    pending: VecDeque<(Arc<Page>, i64)>,
    latest: i64,
}

impl Streams {
    pub(super) fn new(held: Held) -> Self {
        Self { held, lengths: HashMap::new(), pending: VecDeque::new(), latest: 0 }
    }

    /// Applies a page to the speculative state; its bytes.
    fn write(&mut self, page: Page) -> Result<Vec<u8>, serde_json::Error> {
        let value = serde_json::to_vec(&page)?;
        if !page.events.is_empty() {
            *self.lengths.entry(page.stream.clone()).or_default() += page.events.len();
        }
        let before = std::mem::replace(&mut self.latest, page.time);
        self.pending.push_back((Arc::new(page), before));
        Ok(value)
    }
}

impl Machine for Streams {
    type Command = Append;
    type Answer = Answer;

    fn queue(command: &Append) -> u128 {
        u128::from_be_bytes(command.0.stream.digest())
    }

    fn weight(command: &Append) -> usize {
        // The parsed payload takes a few times its text, which is not known yet.
        1_024 * command.0.events.len()
    }

    fn decide(&mut self, command: &Append, _: u64, now_micros: i64) -> Decision<Answer> {
        let Append(page) = command;
        if self.lengths.get(&page.stream).copied().unwrap_or(0) + 1 != page.first {
            return Decision::Answer(Answer::Conflict);
        }
        match self.write(Page { time: now_micros, ..page.clone() }) {
            Ok(value) => Decision::Append { value, traceparent: None, answer: Answer::Appended },
            Err(error) => Decision::Answer(Answer::Failed(error.to_string())),
        }
    }

    fn barrier(&mut self, _: u64, now_micros: i64) -> Vec<u8> {
        self.write(Page { time: now_micros, ..Page::default() }).unwrap_or_default()
    }

    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison> {
        let poison = |reason: String| Poison(format!("{}: {reason}", entry.position));
        let page = if entry.own {
            let (page, _) = self.pending.pop_front().ok_or_else(|| poison("it was not decided here".into()))?;
            page
        } else {
            let page: Page = serde_json::from_slice(&entry.value).map_err(|error| poison(error.to_string()))?;
            self.latest = self.latest.max(page.time);
            if !page.events.is_empty() {
                let length = self.lengths.entry(page.stream.clone()).or_default();
                if *length + 1 != page.first {
                    return Err(poison(format!("event {} of {:?} follows event {length}", page.first, page.stream)));
                }
                *length += page.events.len();
            }
            Arc::new(page)
        };
        if !page.events.is_empty() {
            self.held.add(page);
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        while let Some((page, before)) = self.pending.pop_back() {
            self.latest = before;
            if let Some(length) = self.lengths.get_mut(&page.stream) {
                *length -= page.events.len();
            }
        }
    }

    fn latest_micros(&self) -> i64 {
        self.latest
    }

    fn panicked(_: &Append, message: String) -> Answer {
        Answer::Failed(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(id: &str, first: usize, events: usize) -> Append {
        let event = |n| Recorded {
            event_type: "done".into(),
            event_version: "1.0".into(),
            payload: serde_json::json!({ "n": n }),
        };
        let stream = Stream::new("task", id);
        Append(Page { stream, first, events: (0..events).map(event).collect(), ..Page::default() })
    }

    fn appended(streams: &mut Streams, command: &Append, now: i64) -> bool {
        matches!(streams.decide(command, 1, now), Decision::Append { .. })
    }

    #[test]
    fn who_has_not_seen_everything_is_refused() {
        let mut streams = Streams::new(Held::default());
        assert!(appended(&mut streams, &page("a", 1, 2), 1));
        assert!(!appended(&mut streams, &page("a", 1, 1), 2), "two events are there, though not admitted yet");
        assert!(!appended(&mut streams, &page("a", 4, 1), 2), "nobody can have seen a third");
        assert!(appended(&mut streams, &page("a", 3, 1), 2));
        assert!(appended(&mut streams, &page("b", 1, 1), 3), "another stream");
    }

    #[test]
    fn what_is_rolled_back_was_never_there() {
        let mut streams = Streams::new(Held::default());
        assert!(appended(&mut streams, &page("a", 1, 2), 1));
        streams.barrier(2, 5);
        streams.roll_back();
        assert_eq!(streams.latest_micros(), 0);
        assert!(streams.held.pages(&Stream::new("task", "a")).is_empty());
        assert!(appended(&mut streams, &page("a", 1, 1), 2));
    }

    #[test]
    fn the_value_of_an_entry_is_plain_json() {
        let Append(page) = page("a", 1, 1);
        let text = serde_json::to_string(&page).unwrap();
        assert!(text.starts_with(r#"{"aggregate_type":"task","aggregate_id":"a","first":1,"#), "{text}");
        assert_eq!(serde_json::from_str::<Page>(&text).unwrap(), page);
    }
}
