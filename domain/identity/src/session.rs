//! A session: somebody's being signed in, from the sign-in to its end.
//!
//! A session is kept up by tokens that each serve once. The book knows only the generation of the last one: an older one
//! that comes again was copied, so the session ends (RFC 9700, section 4.14.2).

use std::collections::BTreeSet;

use daybook_facts as facts;
use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Personal, Published, Record, Ref,
    Rejection, Rule, Time, accept, reject,
};
use uuid::Uuid;

pub use daybook_facts::session::Status;

use crate::{
    Credential, IdentityProvider, User,
    credential::{self, Factor},
    identity_provider::{self, Admission, Protocol},
    user,
};

#[cfg(test)]
mod scenarios;

/// How long a session lasts that nobody keeps up: seven days.
const LIFETIME: i64 = 7 * 24 * 3_600 * 1_000_000;

/// How long one lasts that is kept up: 30 days, then the person signs in again (NIST SP 800-63B-4, section 2.1.3).
const LONGEST: i64 = 30 * 24 * 3_600 * 1_000_000;

/// So many open sessions at most has one user; a list of them fits in one entry.
pub const OPEN_MAX: usize = 100;

/// Somebody's being signed in.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "sessions", events = "session", subject = "user")]
pub struct Session {
    /// Whether it is open.
    #[view(filter, facet)]
    pub status: Status,
    /// Who is signed in.
    #[view(filter)]
    #[belongs(own)]
    pub user: Ref<User>,
    /// The same while it is open: so the book finds a user's open sessions, and not those that ever were.
    #[book(referrers)]
    pub open_for: Option<Ref<User>>,
    /// How the person first showed who it is.
    #[view(filter, facet)]
    pub method: Method,
    /// All ways in which the person did (RFC 8176).
    pub amr: BTreeSet<Amr>,
    /// The network address it came from.
    pub ip: Option<Personal<Line<45>>>,
    /// The device and program, as they call themselves.
    pub device: Option<Personal<Line<200>>>,
    /// The generation of the token that keeps it up next; the first is 0.
    pub generation: u32,
    /// Until when it lasts where nobody keeps it up.
    #[view(sort)]
    pub expires_at: Time,
    /// Until when it can be kept up.
    pub last_until: Time,
    /// Why it ended, where not by the person.
    pub ended_for: Option<Line<400>>,
    /// The identity provider that vouched for the person, where one did.
    pub provider: Option<Ref<IdentityProvider>>,
}

/// How somebody signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Method {
    /// With a password.
    Password,
    /// With a passkey (WebAuthn).
    Webauthn,
    /// By OpenID Connect.
    Oidc,
    /// By SAML 2.0.
    Saml,
    /// By a directory (LDAP).
    Ldap,
}

/// A way to show who one is (RFC 8176, "Authentication Method Reference").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Choice)]
pub enum Amr {
    /// A password.
    Pwd,
    /// A code that serves once.
    Otp,
    /// A key in hardware.
    Hwk,
    /// A key in software, or one that is in several devices.
    Swk,
    /// More than one way.
    Mfa,
    /// At another provider.
    Fed,
}

/// Who signs in, and how.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct SignIn {
    /// Who.
    pub user: Ref<User>,
    /// How the person first showed who it is.
    pub method: Method,
    /// All ways in which the person did.
    pub amr: BTreeSet<Amr>,
    /// The id under which the vault keeps the password, or else the passkey, that was shown; needed where the person has one and
    /// shows it.
    pub secret: Option<Uuid>,
    /// The network address it comes from.
    pub ip: Option<Personal<Line<45>>>,
    /// The device and program, as they call themselves.
    pub device: Option<Personal<Line<200>>>,
    /// The identity provider that vouches for the person; needed for every way but the tenant's own.
    pub provider: Option<Ref<IdentityProvider>>,
    /// What it says of the person in the claim of its mapping, as far as the mapping names it.
    pub values: Vec<Line<200>>,
}

/// Who signed in, how, and for how long.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct SignedIn {
    /// Who.
    pub user: Ref<User>,
    /// How the person first showed who it is.
    pub method: Method,
    /// All ways in which the person did.
    pub amr: BTreeSet<Amr>,
    /// The network address it came from.
    pub ip: Option<Personal<Line<45>>>,
    /// The device and program, as they call themselves.
    pub device: Option<Personal<Line<200>>>,
    /// Until when the session lasts where nobody keeps it up.
    pub expires_at: Time,
    /// The identity provider that vouched for the person, where one did.
    pub provider: Option<Ref<IdentityProvider>>,
}

/// A token that keeps a session up.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Generation {
    /// Its generation.
    pub generation: u32,
}

/// A session that is kept up.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Refreshed {
    /// The generation of the token that keeps it up next.
    pub generation: u32,
    /// Until when it lasts now.
    pub expires_at: Time,
}

/// Why a session ends.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Revocation {
    /// The reason, for the person concerned.
    pub reason: Line<400>,
}

/// What may be asked of a session.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Signs somebody in.
    Login(SignIn),
    /// Keeps it up for seven days more, to 30 in all; a token that was used before ends it.
    Refresh(Generation),
    /// Signs the person out.
    Logout,
    /// Ends it for a reason.
    Revoke(Revocation),
}

/// What may have happened to a session.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// Somebody signed in.
    #[wire("user.logged_in")]
    LoggedIn(SignedIn),
    /// It was kept up.
    Refreshed(Refreshed),
    /// A token came a second time: it ended.
    ReuseDetected(Generation),
    /// Nobody kept it up: it ended.
    Expired,
    /// The person signed out.
    #[wire("user.logged_out")]
    LoggedOut,
    /// It was ended.
    Revoked(Revocation),
}

impl Aggregate for Session {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Active, Ended};
        match kind {
            Kind::Login => Rule::create().to(&[Active]).may("session:sign_in"),
            Kind::Refresh => Rule::from(&[Active]).to(&[Active, Ended]).may("session:sign_in"),
            Kind::Logout => Rule::from(&[Active]).to(&[Ended]).may("session:sign_in"),
            Kind::Revoke => Rule::from(&[Active]).to(&[Ended]).may("session:revoke"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Login(sign_in) => begin(sign_in, book, context),
                _ => Err(Rejection::not_found("session")),
            };
        };
        match command {
            Command::Login(_) => reject("ALREADY_EXISTS", "the session exists already"),
            Command::Refresh(_) if this.expires_at <= context.now => {
                reject("SESSION_EXPIRED", "the session has run out: sign in again")
            }
            Command::Refresh(Generation { generation }) if generation > this.generation => {
                let message = "no such token was ever given";
                Err(Rejection::unprocessable("UNKNOWN_GENERATION", message).field("generation", message))
            }
            Command::Refresh(old) if old.generation < this.generation => accept(Event::ReuseDetected(old)),
            Command::Refresh(_) => accept(Event::Refreshed(Refreshed {
                generation: this.generation + 1,
                expires_at: Time(context.now.0 + LIFETIME).min(this.last_until),
            })),
            Command::Logout => accept(Event::LoggedOut),
            Command::Revoke(revocation) => accept(Event::Revoked(revocation)),
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::LoggedIn(SignedIn { user, method, amr, ip, device, expires_at, provider }) = event.clone() else {
            return None;
        };
        Some(Self {
            status: Status::Active,
            user,
            open_for: Some(user),
            method,
            amr,
            ip,
            device,
            generation: 0,
            expires_at,
            last_until: Time(expires_at.0 - LIFETIME + LONGEST),
            ended_for: None,
            provider,
        })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::LoggedIn(_) => {}
            Event::Refreshed(Refreshed { generation, expires_at }) => {
                (self.generation, self.expires_at) = (generation, expires_at);
            }
            Event::ReuseDetected(_) => self.end(Some(Line::from("a token of it came a second time"))),
            Event::Expired => self.end(Some(Line::from("nobody kept it up"))),
            Event::LoggedOut => self.end(None),
            Event::Revoked(Revocation { reason }) => self.end(Some(reason)),
        }
    }

    fn fact(&self) -> Option<Published> {
        Some(Published::new(facts::Session { status: self.status }))
    }
}

impl Session {
    fn end(&mut self, reason: Option<Line<400>>) {
        (self.status, self.open_for, self.ended_for) = (Status::Ended, None, reason);
    }
}

/// Signs in who can; a lock that has run out is lifted, and sessions that have run out end with it.
fn begin(sign_in: SignIn, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
    let SignIn { user, method, amr, secret, ip, device, provider, values } = sign_in;
    let known = book.get(user).ok_or_else(|| {
        Rejection::unprocessable("UNKNOWN_USER", "there is no such user in this tenant").field("user", "must be a user")
    })?;
    if !known.can_sign_in(context.now) {
        let message = format!("nobody signs in with this account: it is {}", known.status.name());
        return Err(Rejection::forbidden("CANNOT_SIGN_IN", message.clone()).field("user", message));
    }
    let vouching = vouching(book, method, provider)?;
    let credential = book.get(Ref::<Credential>::new(user.id()));
    match method {
        Method::Password => password_is_shown(credential.as_deref(), secret, &amr)?,
        Method::Webauthn => passkey_is_shown(credential.as_deref(), secret)?,
        Method::Oidc | Method::Saml | Method::Ldap => {}
    }
    let expires_at = Time(context.now.0 + LIFETIME);
    let mut changes = accept(Event::LoggedIn(SignedIn { user, method, amr, ip, device, expires_at, provider }))?;
    if known.status == user::Status::Locked {
        changes = changes.also(user, user::Event::Unlocked);
    }
    let mut open = 0;
    for session in book.referrers::<Session>("open_for", user.id()) {
        match book.get(session).is_some_and(|session| session.expires_at <= context.now) {
            true => changes = changes.also(session, Event::Expired),
            false => open += 1,
        }
    }
    if open >= OPEN_MAX {
        return reject("TOO_MANY_SESSIONS", format!("a user has at most {OPEN_MAX} open sessions"));
    }
    match vouching {
        Some(admission) => Ok(admission.apply(changes, user, &values, book, context)),
        None => Ok(changes),
    }
}

/// How people come in by the provider that vouches for this one; none where the tenant itself knows the person. It has to be in use:
/// who has asked it may have looked at what was so a moment before.
fn vouching(
    book: &Book<'_>,
    method: Method,
    provider: Option<Ref<IdentityProvider>>,
) -> Result<Option<Admission>, Rejection> {
    let protocol = match method {
        Method::Password | Method::Webauthn => None,
        Method::Oidc => Some(Protocol::Oidc),
        Method::Saml => Some(Protocol::Saml),
        Method::Ldap => Some(Protocol::Ldap),
    };
    let known = provider.and_then(|provider| book.get(provider));
    let is_in_use = |known: &IdentityProvider| {
        known.status == identity_provider::Status::Enabled && Some(known.protocol) == protocol
    };
    match (protocol, provider, known) {
        (None, None, _) => Ok(None),
        (Some(_), Some(_), Some(known)) if is_in_use(&known) => Ok(known.admission.clone()),
        _ => {
            let message = "must be an identity provider in use that is spoken to in this way";
            Err(Rejection::forbidden("PROVIDER_NOT_IN_USE", message).field("provider", message))
        }
    }
}

/// Insists that the password shown is the present one, and that a second factor was shown where there is one: who has
/// checked them may have looked at what was so a moment before.
fn password_is_shown(
    credential: Option<&Credential>,
    secret: Option<Uuid>,
    amr: &BTreeSet<Amr>,
) -> Result<(), Rejection> {
    let Some(credential) = credential else { return Ok(()) };
    if secret.is_none() || secret != credential.passwords.last().copied() {
        let message = "this is not the present password";
        return Err(Rejection::forbidden("WRONG_PASSWORD", message).field("secret", message));
    }
    if credential.factor.is_some() && !amr.iter().any(|way| matches!(way, Amr::Otp | Amr::Hwk | Amr::Swk)) {
        let message = "a second factor has to be shown too";
        return Err(Rejection::forbidden("SECOND_FACTOR_REQUIRED", message).field("amr", message));
    }
    Ok(())
}

/// Insists that the passkey shown is the one that the person has now.
fn passkey_is_shown(credential: Option<&Credential>, secret: Option<Uuid>) -> Result<(), Rejection> {
    let present = credential.and_then(|credential| credential.factor.as_ref());
    match present {
        Some(Factor { method: credential::Method::Webauthn, secret: present }) if secret == Some(*present) => Ok(()),
        _ => {
            let message = "this is not the passkey that the person has now";
            Err(Rejection::forbidden("WRONG_PASSKEY", message).field("secret", message))
        }
    }
}
