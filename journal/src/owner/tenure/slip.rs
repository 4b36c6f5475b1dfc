//! Ways of not keeping to the owner's part of the protocol, so that tests can show that each part is needed. There are
//! none outside of tests.

use tokio::sync::oneshot;

use super::{Held, Tenure};
use crate::header::Header;
use crate::machine::Machine;
use crate::owner::answer::{Answered, Outcome, Refused};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Slip {
    #[default]
    None,
    /// A rejection is answered as soon as it is decided.
    AnswersAtOnce,
    /// One's own entry, read as void, is taken for decided.
    BelievesItsOwnVoid,
    /// What confirms an answer has come back before it was decided, and it waits for the next entry.
    WaitsForWhatHasCome,
    /// The command ids that were decided stay known when what was decided is rolled back. It is the machine that keeps
    /// them, and so the machine that slips.
    KeepsTheWindow,
}

impl<M: Machine> Tenure<M> {
    pub(crate) fn slip(&mut self, slip: Slip) {
        self.slip = slip;
    }

    /// [`Slip::AnswersAtOnce`].
    pub(super) fn answer_at_once(&self, reply: oneshot::Sender<Outcome<M::Answer>>, answer: M::Answer) {
        let confirmed = self.track.position(self.track.gate.number);
        let _ = reply.send(Ok(Answered { answer, position: None, confirmed }));
    }

    /// [`Slip::BelievesItsOwnVoid`].
    pub(super) fn believe_void(&mut self, gate: &[u8]) {
        let Ok(Header::Entry { owner, seq, .. }) = Header::decode(gate) else { return };
        let sent = self.in_flight.iter_mut().find(|sent| owner == self.voice.owner && sent.seq == seq);
        let held: Option<Held<M>> = sent.and_then(|sent| sent.work.take());
        if let Some((queued, _)) = held {
            let _ = queued.job.reply.send(Err(Refused::Void));
        }
    }
}
