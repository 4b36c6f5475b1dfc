//! Which configuration item may have what to do with which, and what must not run in circles.

use std::{collections::HashSet, sync::Arc};

use daybook_kernel::{Body, Book, Choice, Ref};

use super::{CiType, ConfigurationItem, Status};

/// What one configuration item has to do with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum RelationType {
    /// It does not work without the other.
    DependsOn,
    /// It is carried out by the other.
    RunsOn,
    /// It exchanges data with the other.
    ConnectsTo,
    /// It directs the other.
    Manages,
    /// The other is a part of it.
    Contains,
    /// It keeps a copy of the other.
    BacksUp,
}

/// A relationship to another configuration item.
#[derive(Debug, Clone, Copy, PartialEq, Body)]
pub struct Relationship {
    /// The other one.
    pub target: Ref<ConfigurationItem>,
    /// What it has to do with it.
    pub r#type: RelationType,
}

impl RelationType {
    /// Whether a CI of one type may have this to do with one of the other.
    pub fn allows(self, from: CiType, to: CiType) -> bool {
        use CiType::{Application, Container, Database, NetworkDevice, Server, Service, Storage, VirtualMachine};
        match self {
            RelationType::DependsOn => true,
            RelationType::RunsOn => match from {
                Service | Application | Database => matches!(to, Server | VirtualMachine | Container),
                Container => matches!(to, Server | VirtualMachine),
                VirtualMachine => to == Server,
                Server | NetworkDevice | Storage => false,
            },
            RelationType::ConnectsTo => from != Service && to != Service,
            RelationType::Manages => matches!(from, Service | Application | Server | NetworkDevice),
            RelationType::Contains => match from {
                Service => matches!(to, Service | Application),
                Application => matches!(to, Application | Container | Database),
                Server | NetworkDevice | Storage => to == from || to == Storage,
                Database | VirtualMachine | Container => false,
            },
            RelationType::BacksUp => matches!(from, Server | Storage | Application | Service) && to != NetworkDevice,
        }
    }

    /// Whether it must not lead back to where it began.
    pub fn has_no_circles(self) -> bool {
        matches!(self, RelationType::DependsOn | RelationType::Contains)
    }

    /// Whether who has it would miss the other.
    fn needs_its_target(self) -> bool {
        matches!(self, RelationType::DependsOn | RelationType::RunsOn)
    }
}

/// Whether relationships of that type lead from one to the other, however far.
pub fn leads_to(
    from: Ref<ConfigurationItem>,
    to: Ref<ConfigurationItem>,
    r#type: RelationType,
    book: &Book<'_>,
) -> bool {
    let mut seen = HashSet::from([from]);
    let mut open = vec![from];
    while let Some(one) = open.pop() {
        if one == to {
            return true;
        }
        let Some(ci) = book.get(one) else { continue };
        let onward = ci.relationships.iter().filter(|known| known.r#type == r#type).map(|known| known.target);
        open.extend(onward.filter(|next| seen.insert(*next)));
    }
    false
}

/// The active CIs that would miss this one: those that depend on it or run on it.
pub fn dependants(of: Ref<ConfigurationItem>, book: &Book<'_>) -> impl Iterator<Item = Arc<ConfigurationItem>> {
    let referrers = book.referrers::<ConfigurationItem>("relationships", of.id()).filter_map(|one| book.get(one));
    referrers.filter(move |ci| {
        ci.status == Status::Active
            && ci.relationships.iter().any(|known| known.target == of && known.r#type.needs_its_target())
    })
}
