//! The rules: which requests are counted together, and how many of them are let through. A profile is a set of them.
//!
//! The figures of `standard` are those asked for: 500 requests a minute and 1,000 an hour for a user, 10,000 an hour for a
//! tenant, 30 sign-ins a minute from an address, 5 heavy exports a minute for a user.

use serde::{Deserialize, Serialize};

use super::rate::Rate;

/// What a route is for, as far as its limits differ. A route without a word is of the class `Ordinary`; see
/// [`classed`](super::classed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Class {
    /// Everything else.
    #[default]
    Ordinary,
    /// What takes a secret from somebody who is not known yet: sign-in, codes, resets.
    Login,
    /// What makes much of little: reports, whole data sets.
    Export,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of one user.
    User,
    /// Those of one tenant.
    Tenant,
    /// Those from one address; from one network of 64 bits where it is IPv6.
    Address,
    /// Those from one address whose token is missing or not believed.
    Stranger,
}

/// How many requests are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as answers tell it; never changed, for clients go by it.
    pub name: &'static str,
    /// Whose requests it counts.
    pub scope: Scope,
    /// The class of route whose requests it counts; all, if none is named.
    pub class: Option<Class>,
    /// How many.
    pub rate: Rate,
}

impl Rule {
    const fn new(name: &'static str, scope: Scope, class: Option<Class>, quota: u32, window_s: u32) -> Self {
        Self { name, scope, class, rate: Rate::new(quota, window_s) }
    }

    /// Whether it counts the requests of that scope to a route of that class.
    pub fn counts(&self, scope: Scope, class: Class) -> bool {
        self.scope == scope && self.class.is_none_or(|of| of == class)
    }
}

/// A named set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The figures asked for.
    #[default]
    Standard,
    /// A fifth of them, for a service that is under attack or shown to the whole world.
    Strict,
    /// For tenants of thousands of users: the same for each user in a minute, more in an hour.
    Enterprise,
    /// For a developer's machine and for measuring: the same rules, at rates that nobody reaches.
    Development,
}

const STANDARD: &[Rule] = &[
    Rule::new("user-minute", Scope::User, None, 500, 60),
    Rule::new("user-hour", Scope::User, None, 1_000, 3_600),
    Rule::new("export", Scope::User, Some(Class::Export), 5, 60),
    Rule::new("tenant-hour", Scope::Tenant, None, 10_000, 3_600),
    Rule::new("login", Scope::Address, Some(Class::Login), 30, 60),
    Rule::new("stranger", Scope::Stranger, None, 300, 60),
];

const STRICT: &[Rule] = &[
    Rule::new("user-minute", Scope::User, None, 100, 60),
    Rule::new("user-hour", Scope::User, None, 1_000, 3_600),
    Rule::new("export", Scope::User, Some(Class::Export), 1, 60),
    Rule::new("tenant-hour", Scope::Tenant, None, 2_000, 3_600),
    Rule::new("login", Scope::Address, Some(Class::Login), 6, 60),
    Rule::new("stranger", Scope::Stranger, None, 60, 60),
];

const ENTERPRISE: &[Rule] = &[
    Rule::new("user-minute", Scope::User, None, 500, 60),
    Rule::new("user-hour", Scope::User, None, 10_000, 3_600),
    Rule::new("export", Scope::User, Some(Class::Export), 5, 60),
    // A thousand a second: what the whole service is built for at its peak.
    Rule::new("tenant-hour", Scope::Tenant, None, 3_600_000, 3_600),
    Rule::new("login", Scope::Address, Some(Class::Login), 30, 60),
    Rule::new("stranger", Scope::Stranger, None, 300, 60),
];

const DEVELOPMENT: &[Rule] = &[
    Rule::new("user-minute", Scope::User, None, 6_000_000, 60),
    Rule::new("user-hour", Scope::User, None, 100_000_000, 3_600),
    Rule::new("export", Scope::User, Some(Class::Export), 6_000, 60),
    Rule::new("tenant-hour", Scope::Tenant, None, 100_000_000, 3_600),
    Rule::new("login", Scope::Address, Some(Class::Login), 6_000, 60),
    Rule::new("stranger", Scope::Stranger, None, 600_000, 60),
];

impl Profile {
    /// Its rules.
    pub const fn rules(self) -> &'static [Rule] {
        match self {
            Self::Standard => STANDARD,
            Self::Strict => STRICT,
            Self::Enterprise => ENTERPRISE,
            Self::Development => DEVELOPMENT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(profile: Profile, name: &str) -> (u32, u32) {
        let rate = profile.rules().iter().find(|rule| rule.name == name).unwrap().rate;
        (rate.quota, rate.window_s)
    }

    #[test]
    fn the_standard_profile_has_the_figures_asked_for() {
        let of = |name| figures(Profile::Standard, name);
        assert_eq!(
            (of("user-minute"), of("user-hour"), of("tenant-hour")),
            ((500, 60), (1_000, 3_600), (10_000, 3_600))
        );
        assert_eq!((of("login"), of("export")), ((30, 60), (5, 60)));
    }

    #[test]
    fn every_profile_has_the_same_rules_and_strict_allows_no_more() {
        for profile in [Profile::Strict, Profile::Enterprise, Profile::Development] {
            let names =
                |profile: Profile| profile.rules().iter().map(|rule| (rule.name, rule.scope)).collect::<Vec<_>>();
            assert_eq!(names(profile), names(Profile::Standard), "{profile:?}");
        }
        for rule in Profile::Standard.rules() {
            assert!(figures(Profile::Strict, rule.name).0 <= rule.rate.quota, "{}", rule.name);
        }
    }
}
