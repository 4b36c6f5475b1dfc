//! Broken rules: the crate's own, made blind for one part of what it compares.

use daybook_journal::{Digest, Gate, Halt, Header, Verdict};

use crate::log::Rule;

/// Any claim stands, whatever its term.
const WITHOUT_TERM: Rule = |gate, header, digest| {
    if let Header::Claim { term, .. } = *header {
        gate.term = term.saturating_sub(1);
    }
    Gate::admit(gate, header, digest)
};

/// The rules that see one part of an entry as it should be, whatever it is.
pub const BLIND: &[(&str, Rule)] = &[
    ("the claim's term", WITHOUT_TERM),
    ("the entry's term", |gate, header, digest| blind(gate, header, digest, |gate, seen| seen.term = gate.term)),
    ("the owner", |gate, header, digest| blind(gate, header, digest, |gate, seen| seen.owner = gate.owner)),
    ("the seq", |gate, header, digest| blind(gate, header, digest, |gate, seen| seen.seq = gate.next_seq)),
    ("the number", |gate, header, digest| blind(gate, header, digest, |gate, seen| seen.number = gate.number + 1)),
    ("the digest", |gate, header, digest| blind(gate, header, digest, |gate, seen| seen.previous = gate.digest)),
    ("the number and the digest", |gate, header, digest| {
        blind(gate, header, digest, |gate, seen| (seen.number, seen.previous) = (gate.number + 1, gate.digest))
    }),
];

/// An entry's header, field by field.
struct Seen {
    term: u64,
    owner: daybook_journal::OwnerId,
    seq: u64,
    number: u64,
    previous: Digest,
}

fn blind(gate: &mut Gate, header: &Header, digest: Digest, makes_fit: fn(&Gate, &mut Seen)) -> Result<Verdict, Halt> {
    let Header::Entry { term, owner, seq, number, previous } = *header else {
        return gate.admit(header, digest);
    };
    let mut seen = Seen { term, owner, seq, number, previous };
    makes_fit(gate, &mut seen);
    let Seen { term, owner, seq, number, previous } = seen;
    gate.admit(&Header::Entry { term, owner, seq, number, previous }, digest)
}
