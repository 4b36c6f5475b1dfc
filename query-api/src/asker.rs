//! Who asks: the bearer of a token, with what the identity book says of the person.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use daybook_authority::{Filter, Moment, Principal};
use daybook_kernel::{Tenant, Time};
use daybook_platform::{ApiError, Caller};

use crate::app::App;
use crate::freshness::Position;

/// Somebody who asks, at a moment.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Who it is.
    pub principal: Principal,
    /// When, and how they signed in.
    pub moment: Moment,
}

impl Asker {
    /// Somebody of whom nothing more is known than the token says.
    pub fn bearer(caller: &Caller) -> Self {
        let principal = Principal {
            user: caller.user,
            tenant: caller.tenant,
            standing: None,
            token: Some(caller.permissions.clone()),
        };
        Self { principal, moment: Moment::at(now()).with_second_factor(caller.second_factor) }
    }

    /// The tenant.
    pub fn tenant(&self) -> Tenant {
        self.principal.tenant
    }

    /// Whether they act for the platform itself.
    pub fn is_platform(&self) -> bool {
        self.principal.tenant.is_nil()
    }

    /// The domain they belong to, where they belong to one.
    pub fn domain(&self) -> Option<&str> {
        self.principal.standing.as_ref()?.domain.as_deref()
    }

    /// The records to which they may do that.
    pub fn records(&self, permission: &str) -> Filter {
        Filter::of(&self.principal, permission, self.moment)
    }

    /// The records that no wall keeps from this one.
    pub fn within_walls(&self) -> Filter {
        Filter::within_walls(&self.principal)
    }
}

/// The present time, in microseconds.
fn now() -> Time {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}

/// Handlers take an `Asker` as an argument. What the caller may is as fresh as the positions of the request, and at most
/// [`crate::standings::FRESH`] old.
impl FromRequestParts<App> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let mut asker = Self::bearer(&caller);
        let mut positions = Position::of(&parts.headers)?;
        positions.retain(|position| position.context == "identity");
        app.tides.postgres.passed(caller.tenant, &positions).await?;
        asker.principal.standing =
            app.standings.of(&app.postgres, caller.tenant, caller.user, !positions.is_empty()).await?;
        Ok(asker)
    }
}
