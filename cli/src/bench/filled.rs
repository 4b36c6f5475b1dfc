//! What a filled journal holds: tenants whose incidents are found again by their place.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use uuid::Uuid;

use super::stage::Desk;
use crate::fault::Fault;
use crate::role::Role;
use crate::settings::Settings;
use crate::tenant;

/// A tenant that was filled; as text its id, a colon and how many incidents it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Its id.
    pub tenant: Uuid,
    /// How many incidents it has, from place 0 on.
    pub incidents: u64,
}

impl Filled {
    /// Somebody in that tenant who may do everything.
    pub fn desk(self, settings: &Settings) -> Result<Desk, Fault> {
        let user = tenant::operator(self.tenant);
        let token = tenant::token(settings, self.tenant, user, &[Role::Admin])?;
        Ok(Desk { tenant: self.tenant, token, user, group: Uuid::nil() })
    }

    /// One of its incidents, any of them alike, but the same for the same key.
    pub fn incident(self, key: &str) -> Uuid {
        let place = Uuid::new_v5(&self.tenant, key.as_bytes()).as_u128() % u128::from(self.incidents.max(1));
        incident(self.tenant, place as u64)
    }
}

impl Display for Filled {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.tenant, self.incidents)
    }
}

impl FromStr for Filled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let said = text.split_once(':').and_then(|(tenant, incidents)| {
            Some(Self { tenant: tenant.parse().ok()?, incidents: incidents.parse().ok().filter(|n| *n > 0)? })
        });
        said.ok_or_else(|| "it is no tenant's id with a colon and how many incidents it has".to_owned())
    }
}

/// The id of a tenant's incident of that place.
pub fn incident(tenant: Uuid, place: u64) -> Uuid {
    Uuid::new_v5(&tenant, &place.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_tenant_comes_back_from_its_text_and_names_its_own_incidents() {
        let filled = Filled { tenant: Uuid::from_u128(7), incidents: 3 };
        assert_eq!(filled.to_string().parse(), Ok(filled));
        assert!("7:3".parse::<Filled>().is_err() && format!("{}:0", filled.tenant).parse::<Filled>().is_err());
        let own: Vec<_> = (0..3).map(|place| incident(filled.tenant, place)).collect();
        let chosen: Vec<_> = (0..100).map(|n| filled.incident(&n.to_string())).collect();
        assert!(own.iter().all(|incident| chosen.contains(incident)));
        assert!(chosen.iter().all(|incident| own.contains(incident)));
    }
}
