//! How people come in by an identity provider: whose account is taken, whether a second factor counts, and which roles come with
//! what the provider says of somebody.

use std::collections::BTreeSet;

use daybook_kernel::{Body, Book, Changes, Choice, Context, Line, Ref, Rejection, value::LIST_MAX};

use crate::{Role, User, access, session, user};

/// How people come in by a provider.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Admission {
    /// Whether who has no account yet is given one, without any role but those of the mapping.
    pub creates_accounts: bool,
    /// Whether who has an account of the same address already may come in by the provider too.
    pub links_accounts: bool,
    /// When a sign-in there counts as one with a second factor.
    pub second_factor: SecondFactor,
    /// The class of authentication (`acr`) by which the provider says that a second factor was shown.
    pub second_factor_acr: Option<Line<200>>,
    /// The claim that names groups or roles of the person, such as `groups`, or `realm_access.roles`.
    pub claim: Option<Line<120>>,
    /// Which roles come with which of its values.
    pub roles: Vec<Mapped>,
}

/// When a sign-in at a provider counts as one with a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum SecondFactor {
    /// Never.
    Ignored,
    /// Where the provider says so of that sign-in: `mfa` among the ways (`amr`), or the class of authentication that is named.
    Told,
    /// Always: the provider lets nobody in without.
    Always,
}

/// A role that comes with a value of the claim.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Mapped {
    /// The value, exactly as the provider says it.
    pub value: Line<200>,
    /// The role.
    pub role: Ref<Role>,
}

impl Admission {
    /// Insists that who declares this may pass on every role of it: else it would be a way around being refused a role.
    ///
    /// # Errors
    /// `NOT_FOR_GROUPS` for the roles that run everything, or those of [`access::assignable`].
    pub(super) fn may_be_declared(&self, book: &Book<'_>, context: &Context<'_>) -> Result<(), Rejection> {
        for mapped in &self.roles {
            access::not_by_name(mapped.role, "roles")?;
            access::assignable(book, context, mapped.role, "roles")?;
        }
        Ok(())
    }

    /// Gives the user the roles that come with these values, and takes away those of the mapping that come with none of them. Roles
    /// that the mapping does not name stay. What the user cannot hold is passed over: nobody is kept out for it.
    pub(crate) fn apply(
        &self,
        mut changes: Changes<session::Event>,
        user: Ref<User>,
        values: &[Line<200>],
        book: &Book<'_>,
        context: &Context<'_>,
    ) -> Changes<session::Event> {
        let Some(known) = book.get(user) else { return changes };
        let come = |mapped: &&Mapped| values.contains(&mapped.value);
        let named: BTreeSet<_> = self.roles.iter().map(|mapped| mapped.role).collect();
        let wanted: BTreeSet<_> = self.roles.iter().filter(come).map(|mapped| mapped.role).collect();
        let held = |role: &Ref<Role>| known.roles.iter().any(|holding| holding.is_for(*role, None));
        for role in named.difference(&wanted).filter(|role| held(role)) {
            changes = changes.also(user, user::Event::RoleRevoked(user::Revoked { role: *role, scope: None }));
        }
        let mut more = BTreeSet::new();
        let mut room = LIST_MAX.saturating_sub(known.roles.len());
        for role in wanted.into_iter().filter(|role| !held(role)) {
            let Ok(permissions) = access::assignable(book, context, role, "roles") else { continue };
            let together = more.union(&permissions).cloned().collect();
            let fits = access::not_by_name(role, "roles")
                .and_then(|()| access::fits_domain(book, role, known.domain.as_ref(), "roles"))
                .and_then(|()| access::separated_for(book, user, &together, context.now));
            if room == 0 || fits.is_err() {
                continue;
            }
            (more, room) = (together, room - 1);
            let holding = user::Holding { role, scope: None, expires_at: None };
            changes = changes.also(user, user::Event::RoleAssigned(holding));
        }
        changes
    }
}
