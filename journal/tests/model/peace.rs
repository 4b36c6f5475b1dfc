//! From here on nothing goes wrong any more: then every command must get its outcome, and the partition must serve.

use crate::client::Fate;
use crate::owner::{Slip, Stance};
use crate::step::Step;
use crate::world::{Bounds, World};

/// How many times everybody gets to do what is due. Far more than any world of these bounds needs.
const ROUNDS: usize = 20;

/// What is still wrong after the faults have stopped, whoever is assigned then, whatever of what was under way is lost,
/// and whether the owners live on or start anew.
pub fn objection(bounds: &Bounds, world: &World) -> Option<String> {
    for lost in 0..1_u32 << world.under_way.len() {
        for assigned in 0..world.owners.len() {
            for crash in [false, true] {
                let mut world = world.clone();
                for at in (0..world.under_way.len()).rev().filter(|at| lost >> at & 1 == 1) {
                    world.take(bounds, Step::Lose { record: at as u8 });
                }
                if crash {
                    (0..world.owners.len() as u8).for_each(|owner| world.take(bounds, Step::Crash { owner }));
                }
                if let Some(objection) = unsettled(bounds, world, assigned) {
                    let who = char::from(b'A' + assigned as u8);
                    let lost = if lost == 0 { "nothing is lost" } else { "a record under way is lost" };
                    return Some(format!(
                        "{objection} ({lost}, owner {who} of those below is assigned, crashes: {crash})"
                    ));
                }
            }
        }
    }
    None
}

fn unsettled(bounds: &Bounds, mut world: World, assigned: usize) -> Option<String> {
    let settled = settle(bounds, &mut world, assigned);
    // Whatever was not sent yet is asked now, in peace.
    let asked: Vec<usize> = (0..world.fates.len()).filter(|attempt| world.fates[*attempt] == Fate::New).collect();
    let serves = |world: &World| world.owners[assigned].is_serving();
    if settled && serves(&world) {
        for attempt in &asked {
            world.take(bounds, Step::Submit { owner: assigned as u8, attempt: *attempt as u8 });
        }
        if settle(bounds, &mut world, assigned) && serves(&world) {
            let refused =
                asked.iter().find(|attempt| !matches!(world.fates[**attempt], Fate::Accepted | Fate::Rejected));
            let refused = refused.map(|attempt| format!("attempt {attempt} was not answered, though sent in peace"));
            return world.wrong.map(str::to_owned).or(refused);
        }
    }
    let open = |fate: &Fate| matches!(fate, Fate::Open(_));
    match world.fates.iter().position(open) {
        Some(attempt) => Some(format!("attempt {attempt} is never decided, though the faults have stopped")),
        None => Some("the partition is never served again, though the faults have stopped".to_owned()),
    }
}

/// Everybody does what is due until nothing is.
fn settle(bounds: &Bounds, world: &mut World, assigned: usize) -> bool {
    for _ in 0..ROUNDS {
        if world.owners[assigned].is_serving()
            && !world.fates.iter().any(|fate| matches!(fate, Fate::Open(_)))
            && world.under_way.is_empty()
        {
            return true;
        }
        for at in 0..world.owners.len() {
            work(bounds, world, at, at == assigned);
        }
        while !world.under_way.is_empty() {
            world.take(bounds, Step::Deliver { record: 0 });
        }
        for at in 0..world.owners.len() {
            while usize::from(world.owners[at].read) < world.log.len() {
                world.take(bounds, Step::Read { owner: at as u8 });
            }
        }
    }
    false
}

/// What an owner does when it has read all there is and time has passed.
fn work(bounds: &Bounds, world: &mut World, at: usize, assigned: bool) {
    let owner = at as u8;
    while usize::from(world.owners[at].read) < world.log.len() {
        world.take(bounds, Step::Read { owner });
    }
    match world.owners[at].stance {
        Stance::Following if assigned => world.take(bounds, Step::Claim { owner, read: world.owners[at].read }),
        Stance::Following => world.take(bounds, Step::TurnAway { owner }),
        Stance::Claiming { .. } if bounds.slip == Slip::WaitsForALostClaim => {}
        Stance::Claiming { .. } => world.take(bounds, Step::ClaimAgain { owner }),
        // What it has sent does not come back.
        Stance::Serving if !world.owners[at].in_flight.is_empty() && world.under_way.is_empty() => {
            world.take(bounds, Step::Claim { owner, read: world.owners[at].read });
        }
        Stance::Serving => {
            while !world.owners[at].queue.is_empty() {
                world.take(bounds, Step::Decide { owner });
            }
            if world.owners[at].needs_barrier() {
                world.take(bounds, Step::Barrier { owner });
            }
        }
        Stance::Halted => {}
    }
}
