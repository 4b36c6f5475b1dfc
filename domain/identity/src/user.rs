//! A user: a person with an account in a tenant, and the roles the person holds.
//!
//! Name and address are personal, so they are sealed before a command is decided. The book knows an address again by the
//! blind index beside it: no two accounts of a tenant have the same one, but for those out of use, which give it free.

use std::collections::BTreeMap;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Blind, Book, Commands, Context, Decision, Email, Events, Line, Locale, Personal, Published, Record, Ref,
    Rule, Scalar, Slug, Time, Unique, Zone,
};
use uuid::Uuid;

pub use bodies::{
    Agreement, Asked, Consent, Failed, Failure, Held, Hold, Holding, Invitation, Invited, Lock, Matter, NewAddress,
    Preferences, Profile, Purpose, Reason, Registration, Revoked, SignUp, Verification,
};
pub use daybook_facts::user::Status;

mod bodies;
mod decisions;
#[cfg(test)]
mod scenarios;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "users", events = "user", subject = "id")]
pub struct User {
    /// Where the account stands.
    #[view(filter, facet)]
    pub status: Status,
    /// The address the person is reached at.
    #[view(search)]
    pub email: Personal<Email>,
    /// By which the address is known again.
    #[view(filter)]
    #[field(blind = "email")]
    pub email_index: Option<Blind>,
    /// Under which id the vault keeps the token that proves the address, while it is not verified.
    pub unverified: Option<Uuid>,
    /// What the person is called.
    #[view(search)]
    pub name: Personal<Line<120>>,
    /// The number the person is called at.
    pub phone: Option<Personal<Line<40>>>,
    /// What the person does.
    pub title: Option<Personal<Line<120>>>,
    /// The language the person is addressed in; the organisation's where it is not said.
    #[view(filter)]
    pub locale: Option<Locale>,
    /// Where the person's day begins; where the organisation's does where it is not said.
    pub time_zone: Option<Zone>,
    /// The picture of the person, in the file store.
    pub avatar_file: Option<Uuid>,
    /// The domain of the organisation that the person belongs to; none for the whole of it.
    #[view(filter, facet)]
    #[belongs(domain)]
    pub domain: Option<Slug>,
    /// The roles the person holds.
    #[book(referrers)]
    pub roles: Vec<Holding>,
    /// How the person wants things.
    pub preferences: BTreeMap<String, Scalar>,
    /// What the person agreed to.
    pub consents: Vec<Consent>,
    /// Until when the offer of the account can be taken.
    pub invitation_expires_at: Option<Time>,
    /// When tries to sign in failed of late; those that matter for a lock.
    pub failed_sign_ins: Vec<Time>,
    /// Until when nobody signs in; until somebody unlocks it where it is locked and this is not said.
    pub locked_until: Option<Time>,
    /// Why it is locked or suspended.
    pub stopped_for: Option<Line<400>>,
    /// When the person last asked for a copy of everything that is known of her or him.
    pub export_requested_at: Option<Time>,
    /// What keeps the account from being erased: legal holds that stand.
    pub holds: Vec<Held>,
    /// When everything personal of it was erased.
    pub erased_at: Option<Time>,
}

/// What may be asked of a user's account.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Opens an account that is in use at once.
    Register(Registration),
    /// Asks for an account; it is in use once the address is verified.
    SignUp(SignUp),
    /// Offers an account to somebody, for seven days.
    Invite(Invitation),
    /// Takes the offer.
    AcceptInvitation,
    /// Shows that the address is read by the person.
    VerifyEmail(Verification),
    /// Changes what is said of the person.
    UpdateProfile(Profile),
    /// Says how the person wants things, all of it.
    SetPreferences(Preferences),
    /// Gives another address, which is to be verified anew.
    ChangeEmail(NewAddress),
    /// Counts a failed try to sign in; the fifth within 15 minutes locks the account for 15 minutes.
    FailLogin(Failure),
    /// Lets nobody sign in until it is unlocked; ends the person's sessions.
    Lock(Reason),
    /// Lets the person sign in again.
    Unlock,
    /// Stops the account for a reason; ends the person's sessions and keys.
    Suspend(Reason),
    /// Takes it into use again.
    Reactivate,
    /// Takes the account out of use; nothing new may name it. Ends the person's sessions and keys.
    Deactivate,
    /// Gives the person a role, or another end to one held.
    AssignRole(Holding),
    /// Takes a role away.
    RevokeRole(Revoked),
    /// Agrees to a use of the person's data.
    GiveConsent(Agreement),
    /// Takes that back.
    WithdrawConsent(Purpose),
    /// Asks for a copy of everything that is known of the person.
    RequestExport,
    /// Keeps everything of the person from being erased, for a matter of law.
    PlaceHold(Hold),
    /// Takes that back.
    ReleaseHold(Matter),
    /// Erases everything personal of the account and of what is about the person, for ever. Ends the person's sessions and keys.
    Erase,
}

/// What may have happened to a user's account.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It was opened.
    Registered(Registration),
    /// It was offered.
    Invited(Invited),
    /// The offer was taken.
    InvitationAccepted,
    /// The address is to be verified.
    VerificationRequested(Verification),
    /// The address was verified.
    EmailVerified(Verification),
    /// What is said of the person changed.
    ProfileUpdated(Profile),
    /// How the person wants things was said.
    PreferencesSet(Preferences),
    /// The address is another.
    EmailChanged(NewAddress),
    /// Somebody tried to sign in and failed.
    LoginFailed(Failed),
    /// Nobody signs in.
    Locked(Lock),
    /// The person can sign in again.
    Unlocked,
    /// It was stopped.
    Suspended(Reason),
    /// It was taken into use again.
    Reactivated,
    /// It was taken out of use.
    Deactivated,
    /// The person holds a role.
    #[wire("role.assigned")]
    RoleAssigned(Holding),
    /// The person holds a role no longer.
    #[wire("role.revoked")]
    RoleRevoked(Revoked),
    /// The person agreed to a use of the data.
    ConsentGiven(Consent),
    /// The person took that back.
    ConsentWithdrawn(Purpose),
    /// The person asked for a copy of everything.
    ExportRequested(Asked),
    /// Nothing of the person may be erased.
    HoldPlaced(Held),
    /// That was taken back.
    HoldReleased(Matter),
    /// Everything personal is erased: nobody can open what was sealed.
    Erased(Asked),
}

impl Aggregate for User {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Erased, Inactive, Invited, Locked, PendingVerification, Suspended};
        const KEPT: &[Status] = &[Invited, PendingVerification, Active, Locked, Suspended, Inactive];
        match kind {
            Kind::Register => Rule::create().to(&[Active]).may("user:register"),
            Kind::SignUp => Rule::create().to(&[PendingVerification]).may("user:sign_in"),
            Kind::Invite => Rule::create().to(&[Invited]).may("user:invite"),
            Kind::AcceptInvitation => Rule::from(&[Invited]).to(&[Active]).may("user:sign_in"),
            Kind::VerifyEmail => Rule::from(&[PendingVerification, Active]).to(&[Active]).may("user:sign_in"),
            Kind::UpdateProfile | Kind::SetPreferences => Rule::from(&[Active]).may("user:update"),
            Kind::ChangeEmail => Rule::from(&[Active]).may("user:update"),
            Kind::FailLogin => Rule::from(&[Active, Locked]).to(&[Active, Locked]).may("user:sign_in"),
            Kind::Lock => Rule::from(&[Active, Locked]).to(&[Locked]).may("user:lock"),
            Kind::Unlock => Rule::from(&[Locked]).to(&[Active]).may("user:lock"),
            Kind::Suspend => Rule::from(&[Active, Locked]).to(&[Suspended]).may("user:suspend"),
            Kind::Reactivate => Rule::from(&[Suspended, Inactive]).to(&[Active]).may("user:deactivate"),
            Kind::Deactivate => Rule::from(&[Invited, PendingVerification, Active, Locked, Suspended])
                .to(&[Inactive])
                .may("user:deactivate"),
            Kind::AssignRole => Rule::from(&[Active, Locked]).may("user:assign_role"),
            Kind::RevokeRole => Rule::from(&[Invited, Active, Locked, Suspended, Inactive]).may("user:assign_role"),
            Kind::GiveConsent | Kind::WithdrawConsent => Rule::from(&[Active]).may("user:consent"),
            Kind::RequestExport => Rule::from(&[Active]).may("user:export"),
            Kind::PlaceHold | Kind::ReleaseHold => Rule::from(KEPT).may("user:hold"),
            Kind::Erase => Rule::from(KEPT).to(&[Erased]).may("user:erase"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        match this {
            None => decisions::begin(command, book, context),
            Some(this) => this.follow(command, book, context),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        match event.clone() {
            Event::Registered(Registration { email, name, locale, email_index, domain }) => {
                Some(Self::new(Status::Active, email, email_index, name, locale, domain))
            }
            Event::Invited(invited) => {
                let Invited { email, email_index, name, locale, domain, roles, expires_at } = invited;
                let user = Self::new(Status::Invited, email, email_index, name, locale, domain);
                Some(Self { roles, invitation_expires_at: Some(expires_at), ..user })
            }
            _ => None,
        }
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Registered(_) | Event::Invited(_) => {}
            Event::InvitationAccepted => {
                self.status = Status::Active;
                self.invitation_expires_at = None;
            }
            Event::VerificationRequested(Verification { token }) => {
                self.status = Status::PendingVerification;
                self.unverified = Some(token);
            }
            Event::EmailVerified(_) => {
                self.status = Status::Active;
                self.unverified = None;
            }
            Event::ProfileUpdated(changed) => {
                self.name = changed.name.unwrap_or_else(|| self.name.clone());
                self.locale = changed.locale.or_else(|| self.locale.clone());
                self.phone = changed.phone.or_else(|| self.phone.clone());
                self.title = changed.title.or_else(|| self.title.clone());
                self.time_zone = changed.time_zone.or_else(|| self.time_zone.clone());
                self.avatar_file = changed.avatar_file.or(self.avatar_file);
            }
            Event::PreferencesSet(Preferences { preferences }) => self.preferences = preferences,
            Event::EmailChanged(NewAddress { email, email_index, token }) => {
                (self.email, self.email_index, self.unverified) = (email, email_index, Some(token));
            }
            Event::LoginFailed(Failed { at, .. }) => {
                self.failed_sign_ins.retain(|earlier| decisions::counts(*earlier, at));
                self.failed_sign_ins.push(at);
            }
            Event::Locked(Lock { reason, until }) => {
                (self.status, self.stopped_for, self.locked_until) = (Status::Locked, Some(reason), until);
            }
            Event::Suspended(Reason { reason }) => {
                (self.status, self.stopped_for, self.locked_until) = (Status::Suspended, Some(reason), None);
            }
            Event::Unlocked | Event::Reactivated => {
                (self.status, self.stopped_for, self.locked_until) = (Status::Active, None, None);
                self.failed_sign_ins.clear();
            }
            Event::Deactivated => {
                (self.status, self.stopped_for, self.locked_until) = (Status::Inactive, None, None);
                self.invitation_expires_at = None;
            }
            Event::RoleAssigned(holding) => {
                self.roles.retain(|held| !held.is_for(holding.role, holding.scope.as_ref()));
                self.roles.push(holding);
            }
            Event::RoleRevoked(Revoked { role, scope }) => {
                self.roles.retain(|held| !held.is_for(role, scope.as_ref()));
            }
            Event::ConsentGiven(consent) => {
                self.consents.retain(|known| known.purpose != consent.purpose);
                self.consents.push(consent);
            }
            Event::ConsentWithdrawn(Purpose { purpose }) => self.consents.retain(|known| known.purpose != purpose),
            Event::ExportRequested(Asked { at }) => self.export_requested_at = Some(at),
            Event::HoldPlaced(held) => {
                self.holds.retain(|known| known.matter != held.matter);
                self.holds.push(held);
            }
            Event::HoldReleased(Matter { matter }) => self.holds.retain(|known| known.matter != matter),
            Event::Erased(Asked { at }) => self.forget(at),
        }
    }

    fn unique(&self) -> Vec<Unique> {
        let index = self.email_index.filter(|_| !self.status.is_out_of_use());
        index.map(|index| Unique::new("email", index.key())).into_iter().collect()
    }

    fn fact(&self) -> Option<Published> {
        let held = |holding: &Holding| facts::user::Held {
            role: Ref::new(holding.role.id()),
            domain: holding.scope.clone(),
            expires_at: holding.expires_at,
        };
        let roles = self.roles.iter().map(held).collect();
        Some(Published::new(facts::User { status: self.status, domain: self.domain.clone(), roles }))
    }
}

impl User {
    fn new(
        status: Status,
        email: Personal<Email>,
        email_index: Option<Blind>,
        name: Personal<Line<120>>,
        locale: Option<Locale>,
        domain: Option<Slug>,
    ) -> Self {
        Self {
            status,
            email,
            email_index,
            unverified: None,
            name,
            phone: None,
            title: None,
            locale,
            time_zone: None,
            avatar_file: None,
            domain,
            roles: Vec::new(),
            preferences: BTreeMap::new(),
            consents: Vec::new(),
            invitation_expires_at: None,
            failed_sign_ins: Vec::new(),
            locked_until: None,
            stopped_for: None,
            export_requested_at: None,
            holds: Vec::new(),
            erased_at: None,
        }
    }

    /// Keeps of an account that was erased what says nothing of the person: that there was one, in which domain. Name and address stay as
    /// they were sealed, for a record has all its fields; nobody opens them any more.
    fn forget(&mut self, at: Time) {
        let (email, name) = (self.email.clone(), self.name.clone());
        let domain = self.domain.take();
        *self = Self { erased_at: Some(at), ..Self::new(Status::Erased, email, None, name, None, domain) };
    }

    /// Whether the person holds exactly this.
    pub fn holds(&self, holding: &Holding) -> bool {
        self.roles.contains(holding)
    }

    /// Whether the person can sign in at that time: a lock may have run out.
    pub fn can_sign_in(&self, now: Time) -> bool {
        match self.status {
            Status::Active => true,
            Status::Locked => self.locked_until.is_some_and(|until| until <= now),
            _ => false,
        }
    }
}
