//! The principal: who asks.

use std::{collections::BTreeSet, sync::Arc};

use daybook_kernel::Tenant;
use uuid::Uuid;

use crate::Standing;

/// Somebody who asks, as a token names them.
#[derive(Debug, Clone, PartialEq)]
pub struct Principal {
    /// The user, or the service.
    pub user: Uuid,
    /// The tenant in whose books they act.
    pub tenant: Tenant,
    /// What the identity book says of the user. None of somebody who is not in it, such as a service, or the bearer of a
    /// development token: then the token alone says what they may, for all of the tenant.
    pub standing: Option<Arc<Standing>>,
    /// What the token says: `incident:read`, `incident:*` or `*`. It is the most that they may. None where it is asked of
    /// somebody who has shown no token.
    pub token: Option<Arc<BTreeSet<String>>>,
}

impl Principal {
    /// Whether the token lets its bearer do that at all; yes, where there is none.
    pub fn token_allows(&self, permission: &str) -> bool {
        self.token.as_ref().is_none_or(|token| allows(token, permission))
    }
}

/// Whether permissions such as `incident:report`, `incident:*` or `*` include that one.
pub fn allows(permissions: &BTreeSet<String>, permission: &str) -> bool {
    permissions.contains(permission)
        || permissions.contains("*")
        || permission.match_indices(':').any(|(colon, _)| permissions.contains(&format!("{}:*", &permission[..colon])))
}
