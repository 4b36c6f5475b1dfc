//! What a command to a user's account leads to.

use std::collections::BTreeSet;

use daybook_kernel::{
    Book, Context, Decision, Line, Permission, Ref, Rejection, Slug, Time, accept, nothing, reject, value::LIST_MAX,
};

use super::{
    Asked, Command, Consent, Event, Failed, Failure, Held, Hold, Holding, Invited, Lock, Matter, NewAddress,
    Preferences, Profile, Purpose, Reason, Registration, Revoked, SignUp, Status, User, Verification,
};
use crate::access;

const MINUTE: i64 = 60 * 1_000_000;

/// How long an offer of an account can be taken: seven days.
const INVITATION: i64 = 7 * 24 * 60 * MINUTE;

/// How many failures lock an account, within which time, and for how long.
const FAILURES: usize = 5;
const WITHIN: i64 = 15 * MINUTE;
const LOCKED_FOR: i64 = 15 * MINUTE;

/// Whether a failure still counts at that time.
pub fn counts(failure: Time, now: Time) -> bool {
    failure.0 > now.0 - WITHIN
}

/// What a command leads to where there is no account yet.
pub fn begin(command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    match command {
        Command::Register(registration) => accept(Event::Registered(registration)),
        Command::SignUp(SignUp { email, email_index, name, locale, token }) => {
            let registration = Registration { email, name, locale, email_index, domain: None };
            Ok(accept(Event::Registered(registration))?.and(Event::VerificationRequested(Verification { token })))
        }
        Command::Invite(invitation) => {
            let mut together = BTreeSet::new();
            for holding in &invitation.roles {
                together.extend(can_hold(holding, invitation.domain.as_ref(), book, context)?);
            }
            access::separated(&together)?;
            accept(Event::Invited(Invited {
                email: invitation.email,
                email_index: invitation.email_index,
                name: invitation.name,
                locale: invitation.locale,
                domain: invitation.domain,
                roles: invitation.roles,
                expires_at: Time(context.now.0 + INVITATION),
            }))
        }
        _ => Err(Rejection::not_found("user")),
    }
}

impl User {
    /// What a command leads to where there is an account.
    pub(super) fn follow(&self, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let user = Ref::new(context.id);
        match command {
            Command::Register(_) | Command::SignUp(_) | Command::Invite(_) => {
                reject("ALREADY_EXISTS", "the user is registered already")
            }
            Command::AcceptInvitation if self.invitation_expires_at.is_some_and(|until| until <= context.now) => {
                reject("INVITATION_EXPIRED", "the offer of the account has run out: it has to be made again")
            }
            Command::AcceptInvitation => accept(Event::InvitationAccepted),
            Command::VerifyEmail(proof) if self.unverified == Some(proof.token) => accept(Event::EmailVerified(proof)),
            Command::VerifyEmail(_) => {
                Err(Rejection::unprocessable("WRONG_TOKEN", "this is not the token that was sent to the address")
                    .field("token", "must be the token that was sent last, and not used yet"))
            }
            Command::UpdateProfile(asked) => self.update(asked),
            Command::SetPreferences(Preferences { preferences }) if preferences == self.preferences => nothing(),
            Command::SetPreferences(asked) => accept(Event::PreferencesSet(asked)),
            Command::ChangeEmail(NewAddress { email, .. }) if email == self.email => nothing(),
            Command::ChangeEmail(asked) => accept(Event::EmailChanged(asked)),
            Command::FailLogin(failure) => self.fail(failure, book, context),
            Command::Lock(Reason { reason })
                if self.is_locked_by_hand() && self.stopped_for.as_ref() == Some(&reason) =>
            {
                nothing()
            }
            Command::Lock(Reason { reason }) => {
                let locked = accept(Event::Locked(Lock { reason: reason.clone(), until: None }))?;
                Ok(access::end_sessions(locked, book, user, &reason))
            }
            Command::Unlock => accept(Event::Unlocked),
            Command::Suspend(reason) => {
                access::leaves_an_admin(book, context.tenant, user)?;
                let why = reason.reason.clone();
                Ok(access::end_access(accept(Event::Suspended(reason))?, book, user, &why))
            }
            Command::Reactivate => accept(Event::Reactivated),
            Command::Deactivate => {
                access::leaves_an_admin(book, context.tenant, user)?;
                let why = Line::from("the account was taken out of use");
                Ok(access::end_access(accept(Event::Deactivated)?, book, user, &why))
            }
            Command::AssignRole(holding) => self.assign(holding, book, context),
            Command::RevokeRole(revoked) => self.revoke(revoked, book, context),
            Command::GiveConsent(asked) => {
                let known = self.consents.iter().find(|known| known.purpose == asked.purpose);
                match known {
                    Some(known) if known.text_version == asked.text_version => nothing(),
                    None if self.consents.len() >= LIST_MAX => {
                        reject("TOO_MANY_CONSENTS", format!("there are at most {LIST_MAX} purposes"))
                    }
                    _ => accept(Event::ConsentGiven(Consent {
                        purpose: asked.purpose,
                        text_version: asked.text_version,
                        at: context.when(),
                    })),
                }
            }
            Command::WithdrawConsent(Purpose { purpose }) => {
                match self.consents.iter().any(|known| known.purpose == purpose) {
                    true => accept(Event::ConsentWithdrawn(Purpose { purpose })),
                    false => nothing(),
                }
            }
            Command::RequestExport => accept(Event::ExportRequested(Asked { at: context.when() })),
            Command::PlaceHold(asked) => self.hold(asked, context),
            Command::ReleaseHold(Matter { matter }) => match self.holds.iter().any(|held| held.matter == matter) {
                true => accept(Event::HoldReleased(Matter { matter })),
                false => nothing(),
            },
            Command::Erase => self.erase(book, context),
        }
    }

    fn hold(&self, asked: Hold, context: &Context<'_>) -> Decision<Event> {
        let known = self.holds.iter().find(|held| held.matter == asked.matter);
        match known {
            Some(known) if known.reason == asked.reason => nothing(),
            None if self.holds.len() >= LIST_MAX => {
                reject("TOO_MANY_HOLDS", format!("an account is kept for at most {LIST_MAX} matters"))
            }
            _ => accept(Event::HoldPlaced(Held { matter: asked.matter, reason: asked.reason, at: context.now })),
        }
    }

    /// Erases the account, unless a matter of law keeps it: that is stronger than anybody's wish to be forgotten.
    fn erase(&self, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if !self.holds.is_empty() {
            let rejection = Rejection::conflict("LEGAL_HOLD", "a legal hold keeps everything of this person");
            return Err(self.holds.iter().fold(rejection, |rejection, held| {
                rejection.field("holds", format!("{} has to be released first", held.matter.as_str()))
            }));
        }
        access::leaves_an_admin(book, context.tenant, Ref::new(context.id))?;
        let why = Line::from("the account was erased");
        let erased = Event::Erased(Asked { at: context.now });
        // Who hears of those who leave hears of this one too.
        let erased = match self.status {
            Status::Inactive => accept(erased)?,
            _ => accept(Event::Deactivated)?.and(erased),
        };
        Ok(access::end_access(erased, book, Ref::new(context.id), &why))
    }

    fn update(&self, asked: Profile) -> Decision<Event> {
        let changed = Profile {
            name: asked.name.filter(|name| *name != self.name),
            locale: asked.locale.filter(|locale| Some(locale) != self.locale.as_ref()),
            phone: asked.phone.filter(|phone| Some(phone) != self.phone.as_ref()),
            title: asked.title.filter(|title| Some(title) != self.title.as_ref()),
            time_zone: asked.time_zone.filter(|zone| Some(zone) != self.time_zone.as_ref()),
            avatar_file: asked.avatar_file.filter(|file| Some(*file) != self.avatar_file),
        };
        if changed.is_empty() { nothing() } else { accept(Event::ProfileUpdated(changed)) }
    }

    fn is_locked_by_hand(&self) -> bool {
        self.status == Status::Locked && self.locked_until.is_none()
    }

    /// Counts a failure. Who is locked out already cannot fail; a lock that has run out is lifted first.
    fn fail(&self, failure: Failure, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if !self.can_sign_in(context.now) {
            return nothing();
        }
        let failed = Event::LoginFailed(Failed { at: context.now, ip: failure.ip });
        if self.status == Status::Locked {
            return Ok(accept(Event::Unlocked)?.and(failed));
        }
        let failures = self.failed_sign_ins.iter().filter(|earlier| counts(**earlier, context.now)).count() + 1;
        let failed = accept(failed)?;
        if failures < FAILURES {
            return Ok(failed);
        }
        let reason = Line::from("too many tries to sign in failed");
        let until = Some(Time(context.now.0 + LOCKED_FOR));
        let locked = failed.and(Event::Locked(Lock { reason: reason.clone(), until }));
        Ok(access::end_sessions(locked, book, Ref::new(context.id), &reason))
    }

    fn assign(&self, holding: Holding, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if self.holds(&holding) {
            return nothing();
        }
        let is_new = !self.roles.iter().any(|held| held.is_for(holding.role, holding.scope.as_ref()));
        if is_new && self.roles.len() >= LIST_MAX {
            return reject("TOO_MANY_ROLES", format!("a user holds at most {LIST_MAX} roles"));
        }
        let user = Ref::new(context.id);
        let permissions = can_hold(&holding, self.domain.as_ref(), book, context)?;
        access::separated_for(book, user, &permissions, context.now)?;
        if holding.expires_at.is_some() && holding.is_for(access::admin_of(context.tenant), None) {
            access::leaves_an_admin(book, context.tenant, user)?;
        }
        accept(Event::RoleAssigned(holding))
    }

    fn revoke(&self, revoked: Revoked, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        if !self.roles.iter().any(|held| held.is_for(revoked.role, revoked.scope.as_ref())) {
            return nothing();
        }
        if revoked == (Revoked { role: access::admin_of(context.tenant), scope: None }) {
            access::leaves_an_admin(book, context.tenant, Ref::new(context.id))?;
        }
        accept(Event::RoleRevoked(revoked))
    }
}

/// Insists that a user of that domain can be given this; the permissions it carries.
fn can_hold(
    holding: &Holding,
    domain: Option<&Slug>,
    book: &Book<'_>,
    context: &Context<'_>,
) -> Result<BTreeSet<Permission>, Rejection> {
    if holding.expires_at.is_some_and(|until| until <= context.now) {
        return Err(Rejection::unprocessable("EXPIRED_ALREADY", "a role is held until a time to come")
            .field("expires_at", "must lie in the future"));
    }
    access::fits_domain(book, holding.role, domain, "role")?;
    let of_role = book.get(holding.role).and_then(|role| role.domain.clone());
    let elsewhere = |of: Option<&Slug>| of.is_some_and(|of| holding.scope.as_ref().is_some_and(|scope| scope != of));
    if elsewhere(domain) || elsewhere(of_role.as_ref()) {
        let message = "a role is held for the domain of its user, and for its own";
        return Err(Rejection::unprocessable("FOREIGN_SCOPE", message).field("scope", message));
    }
    access::assignable(book, context, holding.role, "role")
}
