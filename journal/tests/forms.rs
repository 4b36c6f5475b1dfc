//! The forms that are written once and read for ever: gate headers, digests, positions, checkpoints, the
//! partition of a tenant. The fixtures were made by other code than this.
#![allow(clippy::unwrap_used)]

use daybook_journal::{Checkpoint, Digest, Gate, Halt, Header, OwnerId, Position, Verdict, partition_of};

const FIXTURES: &str = include_str!("fixtures/gate.txt");

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn fixture(name: &str) -> Vec<u8> {
    let line = FIXTURES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    unhex(line.unwrap_or_else(|| panic!("no fixture {name}")))
}

fn owner() -> OwnerId {
    OwnerId(std::array::from_fn(|at| 0xa0 + at as u8))
}

fn claim() -> Header {
    Header::Claim { term: 1, owner: owner(), code_version: 7 }
}

fn entry(seq: u64, previous: Digest) -> Header {
    Header::Entry { term: 1, owner: owner(), seq, number: seq + 1, previous }
}

fn digest(name: &str) -> Digest {
    Digest(fixture(name).try_into().unwrap())
}

#[test]
fn gate_headers_have_the_committed_form() {
    let headers = [
        ("claim.gate", claim()),
        ("entry1.gate", entry(0, Digest::NONE)),
        ("entry2.gate", entry(1, digest("entry1.digest"))),
    ];
    for (name, header) in headers {
        assert_eq!(header.encode(), fixture(name), "{name}");
        assert_eq!(Header::decode(&fixture(name)), Ok(header), "{name}");
    }
}

#[test]
fn the_committed_log_is_one_history() {
    let mut gate = Gate::default();
    assert_eq!(gate.admit(&Header::decode(&fixture("claim.gate")).unwrap(), Digest::NONE), Ok(Verdict::Claimed));
    for entry in ["entry1", "entry2"] {
        let header = fixture(&format!("{entry}.gate"));
        let digest_of = Digest::of(&header, &fixture(&format!("{entry}.value")));
        assert_eq!(digest_of, digest(&format!("{entry}.digest")));
        assert_eq!(gate.admit(&Header::decode(&header).unwrap(), digest_of), Ok(Verdict::Admitted));
        assert_eq!(gate.admit(&Header::decode(&header).unwrap(), digest_of), Ok(Verdict::Void), "a second time");
    }
    assert_eq!((gate.number, gate.digest), (2, digest("entry2.digest")));
}

#[test]
fn what_is_not_a_gate_header_stops_a_reader() {
    assert_eq!(Header::decode(&[2, 0]), Err(Halt::UnknownVersion { version: 2 }));
    let whole = fixture("entry1.gate");
    for length in 0..whole.len() {
        assert!(matches!(Header::decode(&whole[..length]), Err(Halt::Malformed { .. })), "{length} bytes");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(matches!(Header::decode(&longer), Err(Halt::Malformed { .. })));
    let kind = [&[1, 2], &whole[2..]].concat();
    assert!(matches!(Header::decode(&kind), Err(Halt::Malformed { .. })));
}

#[test]
fn positions_have_the_committed_form() {
    let position = Position { topic: "journal.incident".into(), partition: 3, number: 4711 };
    assert_eq!(position.to_string(), "journal.incident/3#4711");
    assert_eq!("journal.incident/3#4711".parse(), Ok(position));
    for wrong in [
        "",
        "journal.incident/3",
        "journal.incident#3",
        "/3#1",
        "j/03#1",
        "j/3#+1",
        "j/-1#1",
        "j/3#",
        "a b/3#1",
        "j/3#1#2",
        "j/4294967296#1",
    ] {
        let error = wrong.parse::<Position>().unwrap_err().to_string();
        assert!(error.starts_with("position "), "{wrong}: {error}");
    }
}

#[test]
fn checkpoints_have_the_committed_form() {
    let checkpoint =
        Checkpoint { offset: 2, term: 1, owner: owner(), seq: 1, number: 2, digest: digest("entry2.digest") };
    let text = String::from_utf8(fixture("checkpoint2")).unwrap();
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(text.parse(), Ok(checkpoint));
    for wrong in
        ["", "1:2:1", &text[1..], &text.replacen('1', "2", 1), &format!("{text}0"), &text.replacen(":2:", ":02:", 1)]
    {
        assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong}");
    }
}

#[test]
fn tenants_have_the_committed_partitions() {
    let mut seen = 0;
    for line in FIXTURES.lines().filter_map(|line| line.strip_prefix("partition ")) {
        let fields: Vec<&str> = line.split(' ').collect();
        let tenant: [u8; 16] = unhex(fields[0]).try_into().unwrap();
        assert_eq!(partition_of(&tenant, fields[1].parse().unwrap()), fields[2].parse::<i32>().unwrap(), "{line}");
        seen += 1;
    }
    assert_eq!(seen, 12);
}
