//! What others know of a group: whether it is in use, who belongs to it, and what they hold by it.

use std::collections::BTreeSet;

use daybook_kernel::{Choice, Context, Fact, Ref, Referable, Rejection};

use crate::{Role, User};

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// In use.
    Active,
    /// Out of use: nothing new may be given to it.
    Retired,
}

/// People who take on work together.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Where the group stands.
    pub status: Status,
    /// Who belongs to it.
    pub members: BTreeSet<Ref<User>>,
    /// The group it stands within.
    pub parent: Option<Ref<Group>>,
    /// The roles its members hold by it.
    pub roles: BTreeSet<Ref<Role>>,
}

impl Referable for Group {
    const TYPE: &'static str = "identity.Group";
}

impl Fact for Group {}

impl Group {
    /// One in use, with these members.
    pub fn of(members: BTreeSet<Ref<User>>) -> Self {
        Self { status: Status::Active, members, parent: None, roles: BTreeSet::new() }
    }

    /// Insists that a field of a command names a group in use, with that member where one is named.
    ///
    /// # Errors
    /// `UNKNOWN_GROUP`, `RETIRED_GROUP` or `NOT_A_MEMBER`, with the field.
    pub fn active(
        context: &Context<'_>,
        field: &'static str,
        group: Ref<Group>,
        member: Option<(&'static str, Ref<User>)>,
    ) -> Result<(), Rejection> {
        let Some(known) = context.fact(group) else {
            return Err(Rejection::unprocessable(
                "UNKNOWN_GROUP",
                format!("the {field} is not a group of this tenant"),
            )
            .field(field, "must be a group of this tenant"));
        };
        if known.status != Status::Active {
            return Err(Rejection::unprocessable("RETIRED_GROUP", format!("the {field} is no longer in use"))
                .field(field, "must be a group in use"));
        }
        match member {
            Some((field, user)) if !known.members.contains(&user) => {
                Err(Rejection::unprocessable("NOT_A_MEMBER", format!("the {field} is not a member of the group"))
                    .field(field, "must be a member of the group"))
            }
            _ => Ok(()),
        }
    }
}
