//! The priority of an incident, and the matrix it comes from.

use daybook_kernel::{Choice, Level};

/// How many suffer, or how soon it hurts: 1 is high, 2 medium, 3 low.
pub type Grade = Level<1, 3>;

/// What comes first. The names sort by rank, in every store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Choice)]
pub enum Priority {
    /// At once.
    #[name("1-critical")]
    Critical,
    /// Before others.
    #[name("2-high")]
    High,
    /// In turn.
    #[name("3-moderate")]
    Moderate,
    /// When there is time.
    #[name("4-low")]
    Low,
}

impl Priority {
    /// The matrix of impact and urgency: 1 and 1 is critical, each step down on either side is one less, until low.
    pub fn of(impact: Grade, urgency: Grade) -> Self {
        match impact.get() + urgency.get() {
            ..=2 => Priority::Critical,
            3 => Priority::High,
            4 => Priority::Moderate,
            _ => Priority::Low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix() {
        use Priority::{Critical, High, Low, Moderate};
        let rows = [[Critical, High, Moderate], [High, Moderate, Low], [Moderate, Low, Low]];
        for (impact, row) in (1..).zip(rows) {
            for (urgency, priority) in (1..).zip(row) {
                assert_eq!(Priority::of(Grade::new(impact), Grade::new(urgency)), priority);
            }
        }
    }
}
