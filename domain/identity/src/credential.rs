//! A credential: how a user shows who it is. It has the user's id.
//!
//! Passwords, keys and recovery codes are in the vault; the book holds the ids under which it keeps them, and the rules: a
//! token serves once, a code serves once, and the last passwords do not come again.

use std::collections::BTreeSet;

use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Record, Ref, Rejection, Rule, Time,
    accept, reject,
};
use uuid::Uuid;

use crate::{User, access};

#[cfg(test)]
mod scenarios;

/// So many passwords, the present one included, do not come again.
pub const REMEMBERED: usize = 5;

/// How long a forgotten password can be replaced: 30 minutes.
const RESET: i64 = 30 * 60 * 1_000_000;

/// How a user shows who it is.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "credentials", events = "credential", shares = "identity.User")]
pub struct Credential {
    /// Where it stands.
    #[view(filter, facet)]
    pub status: Status,
    /// The last passwords, the present one at the end.
    pub passwords: Vec<Uuid>,
    /// The token that replaces a forgotten password.
    pub reset: Option<Reset>,
    /// The second factor that is being set up.
    pub enrolling: Option<Factor>,
    /// The second factor.
    pub factor: Option<Factor>,
    /// The step of the last code that was accepted (RFC 6238, the count of 30 seconds since 1970).
    pub last_step: Option<i64>,
    /// The recovery codes that were not used yet.
    pub recovery_codes: BTreeSet<Uuid>,
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// There is a password, and no second factor.
    Set,
    /// The password was forgotten: a token to replace it is on its way.
    ResetPending,
    /// A second factor is being set up.
    MfaEnrolling,
    /// There is a second factor.
    MfaEnabled,
}

/// A way to show who one is beside the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Method {
    /// Codes that change with the time (RFC 6238).
    Totp,
    /// A passkey (WebAuthn).
    Webauthn,
}

/// A second factor.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Factor {
    /// Which way.
    pub method: Method,
    /// The id under which the vault keeps its secret or key.
    pub secret: Uuid,
}

/// A password.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Password {
    /// The id under which the vault keeps its hash; the same password of the same user has the same.
    pub secret: Uuid,
}

/// A token that replaces a forgotten password.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Token {
    /// The id under which the vault keeps its hash.
    pub token: Uuid,
}

/// A token that replaces a forgotten password, and for how long.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Reset {
    /// The id under which the vault keeps its hash.
    pub token: Uuid,
    /// Until when it serves.
    pub expires_at: Time,
}

/// A new password for a forgotten one.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Replacement {
    /// The token that was sent.
    pub token: Uuid,
    /// The id under which the vault keeps the new password's hash.
    pub secret: Uuid,
}

/// The proof that a second factor works.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Proof {
    /// The step of the code that was shown; for codes that change with the time.
    pub step: Option<i64>,
    /// The ids under which the vault keeps the recovery codes' hashes.
    pub recovery_codes: BTreeSet<Uuid>,
}

/// A code that changes with the time.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Step {
    /// Its step: the count of 30 seconds since 1970 (RFC 6238).
    pub step: i64,
}

/// A recovery code.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct RecoveryCode {
    /// The id under which the vault keeps its hash.
    pub code: Uuid,
}

/// What may be asked of a credential.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Gives a user the first password.
    SetPassword(Password),
    /// Gives another password; ends the person's sessions.
    ChangePassword(Password),
    /// Asks for a token to replace a forgotten password; it serves once, for 30 minutes.
    ForgotPassword(Token),
    /// Replaces a forgotten password; ends the person's sessions.
    ResetPassword(Replacement),
    /// Begins to set up a second factor.
    EnableMfa(Factor),
    /// Shows that it works: from now on it is asked for.
    VerifyMfa(Proof),
    /// Does without a second factor again.
    DisableMfa,
    /// Accepts a code that changes with the time; never one of the same step again, nor an older one.
    AcceptCode(Step),
    /// Uses up a recovery code in place of the second factor.
    UseRecoveryCode(RecoveryCode),
}

/// What may have happened to a credential.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// There is a password.
    PasswordSet(Password),
    /// There is another password.
    PasswordChanged(Password),
    /// A forgotten password is to be replaced.
    ResetRequested(Reset),
    /// A forgotten password was replaced.
    PasswordReset(Password),
    /// A second factor is being set up.
    MfaEnrolmentStarted(Factor),
    /// The second factor works.
    MfaEnabled(Proof),
    /// There is no second factor any more.
    MfaDisabled,
    /// A code was accepted.
    CodeAccepted(Step),
    /// A recovery code was used.
    RecoveryCodeUsed(RecoveryCode),
}

impl Aggregate for Credential {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{MfaEnabled, MfaEnrolling, ResetPending, Set};
        const ANY: &[Status] = &[Set, ResetPending, MfaEnrolling, MfaEnabled];
        match kind {
            Kind::SetPassword => Rule::create().to(&[Set]).may("credential:sign_in"),
            // Whoever still knows the password goes on as before, whatever somebody else asked for.
            Kind::ChangePassword => Rule::from(ANY).to(&[Set, MfaEnrolling, MfaEnabled]).may("credential:sign_in"),
            Kind::ForgotPassword => Rule::from(ANY).to(&[ResetPending]).may("credential:sign_in"),
            Kind::ResetPassword => Rule::from(&[ResetPending]).to(&[Set, MfaEnabled]).may("credential:sign_in"),
            Kind::EnableMfa => {
                Rule::from(&[Set, MfaEnrolling, MfaEnabled]).to(&[MfaEnrolling]).may("credential:sign_in")
            }
            Kind::VerifyMfa => Rule::from(&[MfaEnrolling]).to(&[MfaEnabled]).may("credential:sign_in"),
            Kind::DisableMfa => Rule::from(&[MfaEnrolling, MfaEnabled]).to(&[Set]).may("credential:disable_mfa"),
            Kind::AcceptCode | Kind::UseRecoveryCode => {
                Rule::from(&[ResetPending, MfaEnrolling, MfaEnabled]).may("credential:sign_in")
            }
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let user: Ref<User> = Ref::new(context.id);
        let Some(this) = this else {
            return match command {
                Command::SetPassword(password) => match book.get(user) {
                    Some(known) if !known.status.is_out_of_use() => accept(Event::PasswordSet(password)),
                    _ => Err(Rejection::unprocessable("UNKNOWN_USER", "a credential has the id of a user in use")),
                },
                _ => Err(Rejection::not_found("credential")),
            };
        };
        match command {
            Command::SetPassword(_) => reject("ALREADY_EXISTS", "there is a password already"),
            Command::ChangePassword(password) => {
                this.must_be_new(password.secret)?;
                let changed = accept(Event::PasswordChanged(password))?;
                Ok(access::end_sessions(changed, book, user, &Line::from("the password is another")))
            }
            Command::ForgotPassword(Token { token }) => {
                accept(Event::ResetRequested(Reset { token, expires_at: Time(context.now.0 + RESET) }))
            }
            Command::ResetPassword(Replacement { token, secret }) => {
                this.must_hold(token, context.now)?;
                this.must_be_new(secret)?;
                let reset = accept(Event::PasswordReset(Password { secret }))?;
                Ok(access::end_sessions(reset, book, user, &Line::from("the password was replaced")))
            }
            Command::EnableMfa(factor) => accept(Event::MfaEnrolmentStarted(factor)),
            Command::VerifyMfa(proof) => {
                let changes_with_time = this.enrolling.as_ref().is_some_and(|factor| factor.method == Method::Totp);
                if changes_with_time != proof.step.is_some() {
                    let message = "is said for codes that change with the time, and only for them";
                    return Err(Rejection::unprocessable("WRONG_PROOF", message).field("step", message));
                }
                accept(Event::MfaEnabled(proof))
            }
            Command::DisableMfa => accept(Event::MfaDisabled),
            Command::AcceptCode(_) if this.factor.as_ref().is_none_or(|factor| factor.method != Method::Totp) => {
                reject("NO_CODES", "the second factor has no codes")
            }
            Command::AcceptCode(Step { step }) if this.last_step.is_some_and(|last| step <= last) => {
                reject("CODE_REUSED", "a code is never accepted twice, nor one older than the last: wait for the next")
            }
            Command::AcceptCode(step) => accept(Event::CodeAccepted(step)),
            Command::UseRecoveryCode(code) if this.recovery_codes.contains(&code.code) => {
                accept(Event::RecoveryCodeUsed(code))
            }
            Command::UseRecoveryCode(_) => {
                Err(Rejection::unprocessable("UNKNOWN_RECOVERY_CODE", "there is no such recovery code, or it was used")
                    .field("code", "must be a recovery code that was not used"))
            }
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::PasswordSet(Password { secret }) = event else { return None };
        Some(Self {
            status: Status::Set,
            passwords: vec![*secret],
            reset: None,
            enrolling: None,
            factor: None,
            last_step: None,
            recovery_codes: BTreeSet::new(),
        })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::PasswordSet(_) => {}
            Event::ResetRequested(reset) => (self.reset, self.enrolling) = (Some(reset), None),
            Event::PasswordChanged(Password { secret }) | Event::PasswordReset(Password { secret }) => {
                self.reset = None;
                self.remember(secret);
            }
            Event::MfaEnrolmentStarted(factor) => self.enrolling = Some(factor),
            Event::MfaEnabled(Proof { step, recovery_codes }) => {
                self.factor = self.enrolling.take();
                (self.last_step, self.recovery_codes) = (step, recovery_codes);
            }
            Event::MfaDisabled => {
                (self.enrolling, self.factor, self.last_step) = (None, None, None);
                self.recovery_codes.clear();
            }
            Event::CodeAccepted(Step { step }) => self.last_step = Some(step),
            Event::RecoveryCodeUsed(RecoveryCode { code }) => _ = self.recovery_codes.remove(&code),
        }
        self.status = match (&self.reset, &self.enrolling, &self.factor) {
            (Some(_), ..) => Status::ResetPending,
            (None, Some(_), _) => Status::MfaEnrolling,
            (None, None, Some(_)) => Status::MfaEnabled,
            (None, None, None) => Status::Set,
        };
    }
}

impl Credential {
    fn remember(&mut self, secret: Uuid) {
        self.passwords.push(secret);
        let beyond = self.passwords.len().saturating_sub(REMEMBERED);
        self.passwords.drain(..beyond);
    }

    fn must_be_new(&self, secret: Uuid) -> Result<(), Rejection> {
        match self.passwords.contains(&secret) {
            false => Ok(()),
            true => {
                let message = format!("must be none of the last {REMEMBERED} passwords");
                Err(Rejection::unprocessable("PASSWORD_REUSED", message.clone()).field("secret", message))
            }
        }
    }

    fn must_hold(&self, token: Uuid, now: Time) -> Result<(), Rejection> {
        match &self.reset {
            Some(reset) if reset.token == token && now < reset.expires_at => Ok(()),
            Some(reset) if reset.token == token => {
                Err(Rejection::unprocessable("TOKEN_EXPIRED", "the token has run out: ask for another")
                    .field("token", "has run out"))
            }
            _ => Err(Rejection::unprocessable("WRONG_TOKEN", "this is not the token that was sent last")
                .field("token", "must be the token that was sent last")),
        }
    }
}
