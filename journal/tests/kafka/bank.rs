//! A bank: the accounts of one book, and transfers that change two of them in one entry.

use std::collections::BTreeMap;

use daybook_journal::{Admitted, Decision, Machine, Poison};

pub const ACCOUNTS: u64 = 20;
pub const OPENING: i64 = 100;

/// One transfer: what becomes of two accounts. Balances, not amounts, so that what was decided on another state shows in
/// the sum. An entry without a command is a barrier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    pub micros: i64,
    pub book_number: u64,
    pub command: u64,
    /// Account, version and balance of who pays and of who is paid.
    pub sides: [(u64, u64, i64); 2],
}

impl Transfer {
    fn encode(&self) -> Vec<u8> {
        let sides = self.sides.iter().flat_map(|side| [side.0, side.1, side.2.cast_unsigned()]);
        let fields = [self.micros.cast_unsigned(), self.book_number, self.command].into_iter().chain(sides);
        fields.flat_map(u64::to_be_bytes).collect()
    }

    pub fn decode(value: &[u8]) -> Transfer {
        let fields: Vec<u64> = value.chunks(8).map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())).collect();
        let side = |at: usize| (fields[at], fields[at + 1], fields[at + 2].cast_signed());
        Transfer {
            micros: fields[0].cast_signed(),
            book_number: fields[1],
            command: fields[2],
            sides: [side(3), side(6)],
        }
    }
}

/// What a command asks for: from whom, to whom, how much.
fn wish(command: u64) -> (u64, u64, i64) {
    let mixed = command.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let from = mixed % ACCOUNTS;
    let to = (from + 1 + mixed / ACCOUNTS % (ACCOUNTS - 1)) % ACCOUNTS;
    (from, to, 1 + (mixed >> 20) as i64 % 70)
}

/// The accounts of one book.
#[derive(Clone, Default)]
struct Book {
    transfers: u64,
    latest: i64,
    /// By account: version and balance.
    accounts: BTreeMap<u64, (u64, i64)>,
    /// By command: the first answer.
    seen: BTreeMap<u64, (u64, Transfer)>,
}

impl Book {
    fn account(&self, account: u64) -> (u64, i64) {
        self.accounts.get(&account).copied().unwrap_or((0, OPENING))
    }

    fn apply(&mut self, number: u64, transfer: &Transfer) {
        self.latest = transfer.micros;
        if transfer.command > 0 {
            self.transfers = transfer.book_number;
            self.accounts.extend(transfer.sides.map(|(account, version, balance)| (account, (version, balance))));
            self.seen.insert(transfer.command, (number, *transfer));
        }
    }
}

#[derive(Default)]
pub struct Bank {
    admitted: Book,
    /// What was decided and not read back, in order.
    open: Vec<(u64, Transfer)>,
    speculative: Book,
}

#[derive(Clone, Copy, Debug)]
pub enum Told {
    Transferred(u64, Transfer),
    /// The account has too little; its version.
    Refused(u64, u64),
}

impl Bank {
    fn append(&mut self, number: u64, transfer: Transfer) -> Vec<u8> {
        self.speculative.apply(number, &transfer);
        self.open.push((number, transfer));
        transfer.encode()
    }
}

impl Machine for Bank {
    type Command = u64;
    type Answer = Told;

    fn queue(_: &u64) -> u128 {
        1
    }

    fn weight(_: &u64) -> usize {
        8
    }

    fn decide(&mut self, command: &u64, number: u64, now_micros: i64) -> Decision<Told> {
        let book = &self.speculative;
        if let Some((number, transfer)) = book.seen.get(command) {
            return Decision::Answer(Told::Transferred(*number, *transfer));
        }
        let (from, to, amount) = wish(*command);
        let ((paying, rich), (paid, poor)) = (book.account(from), book.account(to));
        if rich < amount {
            return Decision::Answer(Told::Refused(from, paying));
        }
        let sides = [(from, paying + 1, rich - amount), (to, paid + 1, poor + amount)];
        let book_number = book.transfers + 1;
        let transfer = Transfer { micros: now_micros, book_number, command: *command, sides };
        let value = self.append(number, transfer);
        Decision::Append { value, traceparent: None, answer: Told::Transferred(number, transfer) }
    }

    fn barrier(&mut self, number: u64, now_micros: i64) -> Vec<u8> {
        self.append(number, Transfer { micros: now_micros, ..Transfer::default() })
    }

    fn admitted(&mut self, entry: &Admitted<'_>) -> Result<(), Poison> {
        let number = entry.position.number;
        let transfer = Transfer::decode(&entry.value);
        self.admitted.apply(number, &transfer);
        if entry.own {
            assert_eq!(self.open.remove(0), (number, transfer));
        } else {
            self.speculative.apply(number, &transfer);
        }
        Ok(())
    }

    fn roll_back(&mut self) {
        self.open.clear();
        self.speculative = self.admitted.clone();
    }

    fn latest_micros(&self) -> i64 {
        self.speculative.latest
    }

    fn panicked(_: &u64, message: String) -> Told {
        panic!("{message}")
    }
}
