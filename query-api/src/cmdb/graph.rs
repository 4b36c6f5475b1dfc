//! The graph of a tenant's configuration items, and who is affected when one fails.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

/// A relationship between two configuration items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Where it begins.
    pub source: Uuid,
    /// Where it leads to.
    pub target: Uuid,
    /// Its type, such as `depends_on`.
    pub kind: String,
}

/// Which way an analysis goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What this one needs: along relationships.
    Upstream,
    /// What needs this one, and so is affected when it fails: against them.
    Downstream,
}

impl Direction {
    /// Its name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Upstream => "upstream",
            Direction::Downstream => "downstream",
        }
    }
}

/// An item that was reached from the one an analysis began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub id: Uuid,
    /// Over how many relationships, at least.
    pub depth: i64,
    /// From which item it was reached.
    pub from: Uuid,
    /// Over what relationship.
    pub kind: String,
}

/// All items within `depth` relationships, nearest first, each once however many ways lead to it; and whether there are more
/// than `most`, which are left out.
pub fn reach(edges: &[Edge], start: Uuid, direction: Direction, depth: i64, most: usize) -> (Vec<Found>, bool) {
    let mut next: HashMap<Uuid, Vec<(Uuid, &str)>> = HashMap::new();
    for edge in edges {
        let (from, to) = match direction {
            Direction::Upstream => (edge.source, edge.target),
            Direction::Downstream => (edge.target, edge.source),
        };
        next.entry(from).or_default().push((to, &edge.kind));
    }
    let mut seen = HashSet::from([start]);
    let mut open = VecDeque::from([(start, 0)]);
    let mut found = Vec::new();
    while let Some((from, far)) = open.pop_front() {
        if far == depth {
            continue;
        }
        let mut neighbours = next.remove(&from).unwrap_or_default();
        // The same graph is always told in the same order.
        neighbours.sort_unstable();
        for (id, kind) in neighbours {
            if !seen.insert(id) {
                continue;
            }
            if found.len() == most {
                return (found, true);
            }
            found.push(Found { id, depth: far + 1, from, kind: kind.to_owned() });
            open.push_back((id, far + 1));
        }
    }
    (found, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn edges(pairs: &[(u128, u128)]) -> Vec<Edge> {
        pairs
            .iter()
            .map(|(source, target)| Edge { source: id(*source), target: id(*target), kind: "depends_on".into() })
            .collect()
    }

    fn ids(edges: &[Edge], start: u128, direction: Direction, depth: i64, most: usize) -> (Vec<(u128, i64)>, bool) {
        let (found, more) = reach(edges, id(start), direction, depth, most);
        (found.iter().map(|found| (found.id.as_u128(), found.depth)).collect(), more)
    }

    #[test]
    fn both_ways_to_a_depth() {
        // 1 depends on 2 and 3, both depend on 4, 4 on 5.
        let edges = edges(&[(1, 2), (1, 3), (2, 4), (3, 4), (4, 5)]);
        assert_eq!(ids(&edges, 1, Direction::Upstream, 2, 100).0, [(2, 1), (3, 1), (4, 2)]);
        assert_eq!(ids(&edges, 4, Direction::Downstream, 9, 100).0, [(2, 1), (3, 1), (1, 2)]);
        assert_eq!(ids(&edges, 5, Direction::Upstream, 9, 100).0, []);
    }

    #[test]
    fn circles_end_and_size_is_bounded() {
        let circle = edges(&[(1, 2), (2, 3), (3, 1), (1, 1)]);
        assert_eq!(ids(&circle, 1, Direction::Upstream, 100, 100), (vec![(2, 1), (3, 2)], false));
        assert_eq!(ids(&circle, 1, Direction::Upstream, 100, 1), (vec![(2, 1)], true));
    }
}
