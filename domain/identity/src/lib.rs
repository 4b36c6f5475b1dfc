//! Identity: who uses Daybook, how they show who they are, and what they may do.
//!
//! - A *user* is a person with an account in a tenant; the *credential* under the same id is how the person signs in, and a
//!   *session* is being signed in.
//! - A *role* is a named set of permissions. Users and groups hold roles; [`built_in`] roles are the same in every tenant.
//! - A *group* takes on work together; an incident is assigned to a group, and to a member of it.
//! - An *API key* is a user's, for a program; an *identity provider* vouches for users elsewhere.
//! - An *access policy* permits or forbids by what is so at the time; an *access review* asks who should still hold a role.
//!
//! Secrets are never here: the vault keeps them, and the book knows under which id.

use daybook_kernel::{Kind, kind::kind};

pub mod access;
pub mod access_policy;
pub mod access_review;
pub mod api_key;
pub mod built_in;
pub mod credential;
pub mod group;
pub mod identity_provider;
pub mod role;
pub mod session;
pub mod user;

pub use access_policy::AccessPolicy;
pub use access_review::AccessReview;
pub use api_key::ApiKey;
pub use credential::Credential;
pub use group::Group;
pub use identity_provider::IdentityProvider;
pub use role::Role;
pub use session::Session;
pub use user::User;

/// The aggregates of this context.
pub const KINDS: &[&dyn Kind] = &[
    kind::<User>(),
    kind::<Group>(),
    kind::<Credential>(),
    kind::<Session>(),
    kind::<Role>(),
    kind::<ApiKey>(),
    kind::<IdentityProvider>(),
    kind::<AccessPolicy>(),
    kind::<AccessReview>(),
];
