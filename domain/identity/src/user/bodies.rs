//! What commands and events of a user say.

use std::collections::BTreeMap;

use daybook_kernel::{Blind, Body, Email, Line, Locale, Personal, Ref, Scalar, Slug, Time, Zone};
use uuid::Uuid;

use crate::Role;

/// What a person says of herself or himself.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Registration {
    /// The address the person is reached at.
    pub email: Personal<Email>,
    /// What the person is called.
    pub name: Personal<Line<120>>,
    /// The language the person is addressed in.
    pub locale: Option<Locale>,
    /// By which the address is known again.
    #[field(blind = "email")]
    pub email_index: Option<Blind>,
    /// The domain of the organisation that the person belongs to, such as `healthcare`; none for the whole of it.
    pub domain: Option<Slug>,
}

/// What somebody says who asks for an account.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct SignUp {
    /// The address the person is reached at.
    pub email: Personal<Email>,
    /// By which the address is known again.
    #[field(blind = "email")]
    pub email_index: Option<Blind>,
    /// What the person is called.
    pub name: Personal<Line<120>>,
    /// The language the person is addressed in.
    pub locale: Option<Locale>,
    /// The id under which the vault keeps the token that is sent to the address.
    pub token: Uuid,
}

/// What is said of somebody who is offered an account.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Invitation {
    /// The address the offer is sent to.
    pub email: Personal<Email>,
    /// By which the address is known again.
    #[field(blind = "email")]
    pub email_index: Option<Blind>,
    /// What the person is called.
    pub name: Personal<Line<120>>,
    /// The language the person is addressed in.
    pub locale: Option<Locale>,
    /// The domain of the organisation that the person belongs to.
    pub domain: Option<Slug>,
    /// The roles that come with the account.
    pub roles: Vec<Holding>,
}

/// An offer of an account.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Invited {
    /// The address the offer is sent to.
    pub email: Personal<Email>,
    /// By which the address is known again.
    #[field(blind = "email")]
    pub email_index: Option<Blind>,
    /// What the person is called.
    pub name: Personal<Line<120>>,
    /// The language the person is addressed in.
    pub locale: Option<Locale>,
    /// The domain of the organisation that the person belongs to.
    pub domain: Option<Slug>,
    /// The roles that come with the account.
    pub roles: Vec<Holding>,
    /// Until when the offer can be taken.
    pub expires_at: Time,
}

/// The proof that somebody reads what is sent to the address.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Verification {
    /// The id under which the vault keeps the token that was sent.
    pub token: Uuid,
}

/// What is different now; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Profile {
    /// What the person is called.
    pub name: Option<Personal<Line<120>>>,
    /// The language the person is addressed in.
    pub locale: Option<Locale>,
    /// The number the person is called at.
    pub phone: Option<Personal<Line<40>>>,
    /// What the person does, such as `Night nurse`.
    pub title: Option<Personal<Line<120>>>,
    /// Where the person's day begins.
    pub time_zone: Option<Zone>,
    /// The picture of the person, in the file store.
    pub avatar_file: Option<Uuid>,
}

impl Profile {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        let Profile { name, locale, phone, title, time_zone, avatar_file } = self;
        (name.is_none() && locale.is_none() && phone.is_none())
            && (title.is_none() && time_zone.is_none() && avatar_file.is_none())
    }
}

/// How the person wants things, all of it.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Preferences {
    /// Each by its name, as the programs that ask for it have named it.
    pub preferences: BTreeMap<String, Scalar>,
}

/// Another address.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct NewAddress {
    /// The address the person is reached at from now on.
    pub email: Personal<Email>,
    /// By which the address is known again.
    #[field(blind = "email")]
    pub email_index: Option<Blind>,
    /// The id under which the vault keeps the token that is sent to the address.
    pub token: Uuid,
}

/// A try to sign in that failed.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Failure {
    /// The network address it came from.
    pub ip: Option<Personal<Line<45>>>,
}

/// A try to sign in that failed, and when.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Failed {
    /// When it was.
    pub at: Time,
    /// The network address it came from.
    pub ip: Option<Personal<Line<45>>>,
}

/// Why something is done.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Reason {
    /// The reason, for those whom it concerns.
    pub reason: Line<400>,
}

/// A lock, and how long it holds.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Lock {
    /// Why nobody signs in.
    pub reason: Line<400>,
    /// Until when; until somebody unlocks it where it is not said.
    pub until: Option<Time>,
}

/// A role that somebody holds.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Holding {
    /// The role: one of the tenant's own, or a built-in one.
    pub role: Ref<Role>,
    /// The domain it is held for; everywhere the user and the role belong where it is not said.
    pub scope: Option<Slug>,
    /// Until when it is held; for good where it is not said.
    pub expires_at: Option<Time>,
}

impl Holding {
    /// Whether it is held at that time.
    pub fn holds_at(&self, now: Time) -> bool {
        self.expires_at.is_none_or(|until| now < until)
    }

    /// Whether it is the same role for the same domain, however long.
    pub fn is_for(&self, role: Ref<Role>, scope: Option<&Slug>) -> bool {
        self.role == role && self.scope.as_ref() == scope
    }

    /// The same, taken away.
    pub fn revoked(&self) -> Revoked {
        Revoked { role: self.role, scope: self.scope.clone() }
    }
}

/// A role that somebody is to hold no longer.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Revoked {
    /// The role.
    pub role: Ref<Role>,
    /// The domain it was held for.
    pub scope: Option<Slug>,
}

/// What somebody agrees to.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Agreement {
    /// What the data may be used for, such as `newsletter`.
    pub purpose: Slug,
    /// The version of the text that was read.
    pub text_version: Line<40>,
}

/// What somebody agreed to, and when.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Consent {
    /// What the data may be used for.
    pub purpose: Slug,
    /// The version of the text that was read.
    pub text_version: Line<40>,
    /// When it was agreed to.
    pub at: Time,
}

/// A purpose, where that says it all.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Purpose {
    /// What the data was used for.
    pub purpose: Slug,
}

/// When something was asked for.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Asked {
    /// When.
    pub at: Time,
}

/// Why nothing of a person may be erased.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Hold {
    /// What it is called by, such as `inquiry-2026-7`.
    pub matter: Slug,
    /// Why everything has to be kept.
    pub reason: Line<400>,
}

/// Why nothing of a person may be erased, and since when.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Held {
    /// What it is called by.
    pub matter: Slug,
    /// Why everything has to be kept.
    pub reason: Line<400>,
    /// Since when.
    pub at: Time,
}

/// A matter of law that kept a person's data.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Matter {
    /// What it is called by.
    pub matter: Slug,
}
