//! Access: who may do what in a book by the roles held, and who may give what to whom.

use std::collections::{BTreeMap, BTreeSet};

use daybook_facts::Reach;
use daybook_kernel::{
    Actor, Book, Changes, Context, Events, Line, PLATFORM, Permission, Ref, Rejection, Slug, Tenant, Time,
};

use crate::{
    ApiKey, Group, Role, Session, User, api_key,
    built_in::{self, BuiltIn, Holder, ORGANIZATION_ADMIN, SEPARATED, SUPER_ADMIN},
    role, session, user,
};

/// Groups stand within each other at most so deep.
pub const DEPTH_MAX: usize = 5;

/// What somebody may do, and how far it reaches.
pub type Reaches = BTreeMap<Permission, Reach>;

/// What the holders of a role in use may do; nothing by one that is not there.
pub fn reaches_of(book: &Book<'_>, role: Ref<Role>) -> Reaches {
    if let Some(known) = built_in::built_in(role.id()) {
        let reach = |permission| Some((Permission::from(permission), known.reach(permission)?));
        return known.permissions().filter_map(reach).collect();
    }
    let Some(role) = book.get(role).filter(|role| role.status == role::Status::Active) else { return Reaches::new() };
    let reach = role.reach.unwrap_or(Reach::Tenant);
    role.permissions.iter().map(|permission| (permission.clone(), reach)).collect()
}

/// What a user may do at that time, and how far at most: by the roles held, and by those of the groups the user is in, near
/// or far.
pub fn reaches(book: &Book<'_>, user: Ref<User>, now: Time) -> Reaches {
    let Some(known) = book.get(user) else { return Reaches::new() };
    let own = known.roles.iter().filter(|held| held.holds_at(now)).map(|held| held.role);
    let groups = book.referrers::<Group>("members", user.id());
    let roles: BTreeSet<_> = own.chain(groups.flat_map(|group| roles_within(book, group))).collect();
    let mut reaches = Reaches::new();
    for (permission, reach) in roles.into_iter().flat_map(|role| reaches_of(book, role)) {
        let known = reaches.entry(permission).or_insert(reach);
        *known = reach.max(*known);
    }
    reaches
}

/// What a user may do at that time, however far it reaches.
pub fn permissions(book: &Book<'_>, user: Ref<User>, now: Time) -> BTreeSet<Permission> {
    reaches(book, user, now).into_keys().collect()
}

/// A group and those it stands within, from the inside.
pub fn upwards<'a>(book: &'a Book<'_>, group: Ref<Group>) -> impl Iterator<Item = Ref<Group>> + 'a {
    let up = move |group: &Ref<Group>| book.get(*group).and_then(|group| group.parent);
    // One more than allowed, so that who counts notices.
    std::iter::successors(Some(group), up).take(DEPTH_MAX + 1)
}

/// The roles that members of a group hold by it; a retired group has none.
pub fn roles_within(book: &Book<'_>, group: Ref<Group>) -> BTreeSet<Ref<Role>> {
    upwards(book, group).filter_map(|group| book.get(group)).flat_map(|group| group.roles.clone()).collect()
}

/// A group and all that stand within it.
pub fn downwards(book: &Book<'_>, group: Ref<Group>) -> Vec<Ref<Group>> {
    let mut found = vec![group];
    let mut at = 0;
    while let Some(group) = found.get(at).copied() {
        found.extend(book.referrers::<Group>("parent", group.id()));
        at += 1;
    }
    found
}

/// How many groups stand in a line from a group inwards, itself included.
pub fn height(book: &Book<'_>, group: Ref<Group>) -> usize {
    let within = book.referrers::<Group>("parent", group.id()).map(|group| height(book, group));
    1 + within.max().unwrap_or(0)
}

/// The members of a group and of all that stand within it.
pub fn members(book: &Book<'_>, group: Ref<Group>) -> BTreeSet<Ref<User>> {
    let groups = downwards(book, group).into_iter().filter_map(|group| book.get(group));
    groups.flat_map(|group| group.members.clone()).collect()
}

/// Who holds a role, by themselves or by a group.
pub fn holders(book: &Book<'_>, role: Ref<Role>) -> BTreeSet<Ref<User>> {
    let groups = book.referrers::<Group>("roles", role.id());
    book.referrers::<User>("roles", role.id()).chain(groups.flat_map(|group| members(book, group))).collect()
}

/// Insists that who gives the command may do all this as far, and so may pass it on. A service passes on what its command says.
///
/// # Errors
/// `NOT_GRANTABLE`, naming what is missing.
pub fn grantable(
    book: &Book<'_>,
    context: &Context<'_>,
    permissions: &Reaches,
    field: &'static str,
) -> Result<(), Rejection> {
    let Actor::User(user) = context.actor else { return Ok(()) };
    if permissions.is_empty() {
        return Ok(());
    }
    let held = reaches(book, Ref::new(*user), context.now);
    let has = |permission: &Permission, reach: Reach| held.get(permission).is_some_and(|held| *held >= reach);
    match permissions.iter().find(|(permission, reach)| !has(permission, **reach)) {
        None => Ok(()),
        Some((missing, _)) => {
            let message = format!("nobody passes on what they may not do themselves: {}", missing.as_str());
            Err(Rejection::forbidden("NOT_GRANTABLE", message.clone()).field(field, message))
        }
    }
}

/// Insists that these permissions may be with one person.
///
/// # Errors
/// `SEPARATION_OF_DUTIES`, with the pair and why.
pub fn separated(permissions: &BTreeSet<Permission>) -> Result<(), Rejection> {
    let holds = |text: &str| permissions.contains(&Permission::from(text));
    match SEPARATED.iter().find(|(one, other, _)| holds(one) && holds(other)) {
        None => Ok(()),
        Some((one, other, why)) => {
            Err(Rejection::conflict("SEPARATION_OF_DUTIES", format!("{one} and {other} are kept apart: {why}")))
        }
    }
}

/// The same for a user who is to hold these beyond.
///
/// # Errors
/// As [`separated`].
pub fn separated_for(
    book: &Book<'_>,
    user: Ref<User>,
    more: &BTreeSet<Permission>,
    now: Time,
) -> Result<(), Rejection> {
    let mut all = permissions(book, user, now);
    all.extend(more.iter().cloned());
    separated(&all)
}

/// Insists that a role is in use and may be given by who gives the command; the permissions it carries.
///
/// # Errors
/// `UNKNOWN_ROLE`, `RETIRED_ROLE`, `PLATFORM_ONLY`, `NOT_FOR_USERS` or `NOT_GRANTABLE`.
pub fn assignable(
    book: &Book<'_>,
    context: &Context<'_>,
    role: Ref<Role>,
    field: &'static str,
) -> Result<BTreeSet<Permission>, Rejection> {
    match built_in::built_in(role.id()) {
        Some(BuiltIn { holder: Holder::Staff, name, .. }) if context.tenant != PLATFORM => {
            let message = format!("{name} is only for the staff of the platform");
            return Err(Rejection::forbidden("PLATFORM_ONLY", message.clone()).field(field, message));
        }
        Some(BuiltIn { holder: Holder::Service, name, .. }) => {
            let message = format!("{name} is a service's role, no user holds it");
            return Err(Rejection::unprocessable("NOT_FOR_USERS", message.clone()).field(field, message));
        }
        Some(_) => {}
        None => match book.get(role).map(|role| role.status) {
            Some(role::Status::Active) => {}
            Some(role::Status::Retired) => {
                return Err(Rejection::unprocessable("RETIRED_ROLE", "the role is no longer in use")
                    .field(field, "must be a role in use"));
            }
            None => {
                return Err(Rejection::unprocessable("UNKNOWN_ROLE", "there is no such role in this tenant")
                    .field(field, "must be a role of this tenant, or a built-in one"));
            }
        },
    }
    let reaches = reaches_of(book, role);
    if !is_first(book, context, role) {
        grantable(book, context, &reaches, field)?;
    }
    Ok(reaches.into_keys().collect())
}

/// The role that a tenant always keeps somebody in.
pub fn admin_of(tenant: Tenant) -> Ref<Role> {
    if tenant == PLATFORM { SUPER_ADMIN } else { ORGANIZATION_ADMIN }
}

/// The first admin of a book has nobody to be named by: whose token allows to assign roles may do it, once.
fn is_first(book: &Book<'_>, context: &Context<'_>, role: Ref<Role>) -> bool {
    let admin = admin_of(context.tenant);
    role == admin && book.referrers::<User>("roles", admin.id()).next().is_none()
}

/// Insists that a user of that domain can hold the role: one of the same domain, or a global one.
///
/// # Errors
/// `FOREIGN_ROLE`.
pub fn fits_domain(
    book: &Book<'_>,
    role: Ref<Role>,
    domain: Option<&Slug>,
    field: &'static str,
) -> Result<(), Rejection> {
    let (Some(domain), Some(role)) = (domain, book.get(role)) else { return Ok(()) };
    match role.scope {
        role::Scope::Global => Ok(()),
        role::Scope::Domain if role.domain.as_ref() == Some(domain) => Ok(()),
        role::Scope::Domain | role::Scope::Org => {
            let message = format!("a user of the domain {} holds only its roles and global ones", domain.as_str());
            Err(Rejection::unprocessable("FOREIGN_ROLE", message.clone()).field(field, message))
        }
    }
}

/// Insists that the role may be held by a group: those that run everything are given to people by name.
///
/// # Errors
/// `NOT_FOR_GROUPS`.
pub fn not_by_name(role: Ref<Role>, field: &'static str) -> Result<(), Rejection> {
    match role == ORGANIZATION_ADMIN || role == SUPER_ADMIN {
        false => Ok(()),
        true => Err(Rejection::unprocessable("NOT_FOR_GROUPS", "this role is given to people by name, not to a group")
            .field(field, "must be a role that a group can hold")),
    }
}

/// Insists that somebody else is an admin of the tenant for good, where this user is.
///
/// # Errors
/// `LAST_ADMIN`.
pub fn leaves_an_admin(book: &Book<'_>, tenant: Tenant, user: Ref<User>) -> Result<(), Rejection> {
    let admin = admin_of(tenant);
    let for_good = user::Holding { role: admin, scope: None, expires_at: None };
    let keeps = |user: &User| user.status.is_in_use() && user.holds(&for_good);
    let is_admin = |user: Ref<User>| book.get(user).is_some_and(|user| keeps(&user));
    let others = || book.referrers::<User>("roles", admin.id()).filter(|other| *other != user);
    match is_admin(user) && !others().any(is_admin) {
        false => Ok(()),
        true => Err(Rejection::conflict("LAST_ADMIN", "a tenant keeps at least one admin: name another first")),
    }
}

/// Ends every open session of a user beside what has changed.
pub fn end_sessions<E: Events>(
    mut changes: Changes<E>,
    book: &Book<'_>,
    user: Ref<User>,
    reason: &Line<400>,
) -> Changes<E> {
    for session in book.referrers::<Session>("open_for", user.id()) {
        changes = changes.also(session, session::Event::Revoked(session::Revocation { reason: reason.clone() }));
    }
    changes
}

/// Ends the sessions and revokes the keys of a user who leaves.
pub fn end_access<E: Events>(changes: Changes<E>, book: &Book<'_>, user: Ref<User>, reason: &Line<400>) -> Changes<E> {
    let mut changes = end_sessions(changes, book, user, reason);
    for key in book.referrers::<ApiKey>("live_for", user.id()) {
        changes = changes.also(key, api_key::Event::Revoked(api_key::Reason { reason: reason.clone() }));
    }
    changes
}
