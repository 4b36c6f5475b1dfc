//! What a client is told of its limits: the fields of draft-ietf-httpapi-ratelimit-headers-11, structured as RFC 9651 says.
//!
//! `RateLimit-Policy: "user-minute";q=500;w=60` and `RateLimit: "user-minute";r=499;t=1`: the quota and its window, what is left,
//! and after how many seconds all of it is there again. No partition key is told: it would be the caller's own id or address.

use std::fmt::Write as _;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::rules::Rule;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// Adds the fields for the rules that counted a request, each with its bucket's debt.
pub(super) fn tell(standing: &[(&'static Rule, u64)], headers: &mut HeaderMap) {
    if standing.is_empty() {
        return;
    }
    let (mut policy, mut left) = (String::with_capacity(96), String::with_capacity(96));
    for (rule, debt) in standing {
        let comma = if policy.is_empty() { "" } else { ", " };
        // Writing into a text cannot fail.
        let _ = write!(policy, "{comma}\"{}\";q={};w={}", rule.name, rule.rate.quota, rule.rate.window_s);
        let (rest, full_in) = (rule.rate.left(*debt), debt.div_ceil(1_000_000));
        let _ = write!(left, "{comma}\"{}\";r={rest};t={full_in}", rule.name);
    }
    for (name, value) in [(POLICY, policy), (STANDING, left)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Profile;
    use super::*;

    #[test]
    fn every_rule_that_counted_is_told() {
        let [minute, hour, ..] = Profile::Standard.rules() else { panic!("two rules at least") };
        let mut headers = HeaderMap::new();
        tell(&[], &mut headers);
        assert!(headers.is_empty());
        tell(&[(minute, minute.rate.interval()), (hour, hour.rate.capacity())], &mut headers);
        assert_eq!(headers[POLICY], r#""user-minute";q=500;w=60, "user-hour";q=1000;w=3600"#);
        assert_eq!(headers[STANDING], r#""user-minute";r=499;t=1, "user-hour";r=0;t=3600"#);
    }
}
