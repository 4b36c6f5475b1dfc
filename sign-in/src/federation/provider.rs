//! An identity provider, as the views of identity show it.

use std::collections::BTreeSet;

use daybook_kernel::Tenant;
use serde::Deserialize;
use serde_json::Value as Json;
use sqlx::Row as _;
use uuid::Uuid;

use crate::{
    sql,
    store::{Fault, Store},
};

/// An identity provider of a tenant.
#[derive(Debug, Clone, Deserialize)]
pub struct Provider {
    /// The tenant.
    #[serde(skip)]
    pub tenant: Tenant,
    /// Its id.
    #[serde(skip)]
    pub id: Uuid,
    /// Where it stands.
    pub status: String,
    /// How it is spoken to.
    pub protocol: String,
    /// The issuer.
    pub endpoint: String,
    /// As whom it knows us.
    pub client: String,
    /// The id of what we show it; none for a public client.
    pub secret: Option<Uuid>,
    /// The e-mail domains that were claimed for it.
    #[serde(default)]
    domains: Vec<Claim>,
    /// How people come in by it; nobody does before it is said.
    pub admission: Option<Admission>,
}

#[derive(Debug, Clone, Deserialize)]
struct Claim {
    domain: String,
    is_verified: bool,
}

/// How people come in by a provider.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Admission {
    /// Whether who has no account yet is given one.
    pub creates_accounts: bool,
    /// Whether who has an account of the same address already may come in by the provider too.
    pub links_accounts: bool,
    second_factor: String,
    second_factor_acr: Option<String>,
    claim: Option<String>,
    #[serde(default)]
    roles: Vec<Mapped>,
}

#[derive(Debug, Clone, Deserialize)]
struct Mapped {
    value: String,
}

impl Provider {
    /// Whether people can sign in by it, as far as the views show.
    pub fn is_in_use(&self) -> bool {
        self.status == "enabled" && self.protocol == "oidc"
    }

    /// Whether it vouches for addresses of that one's domain.
    pub fn vouches_for(&self, address: &str) -> bool {
        let Some((_, domain)) = address.rsplit_once('@') else { return false };
        let folded = |domain: &str| domain.trim().trim_end_matches('.').to_lowercase();
        self.domains.iter().any(|claim| claim.is_verified && folded(&claim.domain) == folded(domain))
    }
}

impl Admission {
    /// Whether a sign-in of which an ID token says this was one with a second factor.
    pub fn has_second_factor(&self, said: &Json) -> bool {
        match self.second_factor.as_str() {
            "always" => true,
            "told" => {
                let ways = said["amr"].as_array();
                let acr = self.second_factor_acr.as_deref();
                ways.is_some_and(|ways| ways.iter().any(|way| way == "mfa"))
                    || acr.is_some_and(|acr| said["acr"].as_str() == Some(acr))
            }
            _ => false,
        }
    }

    /// What an ID token says in the claim of the mapping, as far as the mapping names it: no more of it leaves this service.
    pub fn values(&self, said: &Json) -> BTreeSet<String> {
        let Some(claim) = &self.claim else { return BTreeSet::new() };
        // A claim may have dots in its name, as those that are URLs have.
        let within = |said: &Json| claim.split('.').try_fold(said.clone(), |at, name| at.get(name).cloned());
        let found = match said.get(claim).cloned().or_else(|| within(said)) {
            Some(Json::Array(values)) => values,
            Some(value) => vec![value],
            None => Vec::new(),
        };
        let texts = found.iter().filter_map(Json::as_str);
        texts.filter(|text| self.roles.iter().any(|role| role.value == *text)).map(str::to_owned).collect()
    }
}

impl Store {
    /// An identity provider of that tenant.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn provider(&self, tenant: Tenant, id: Uuid) -> Result<Option<Provider>, Fault> {
        let row = sqlx::query(sql::PROVIDER).bind(tenant).bind(id).fetch_optional(self.pool()).await?;
        let Some(row) = row else { return Ok(None) };
        let doc: Json = row.try_get("doc")?;
        match serde_json::from_value::<Provider>(doc) {
            Ok(provider) => Ok(Some(Provider { tenant, id, ..provider })),
            Err(error) => {
                tracing::error!(%error, %id, "an identity provider cannot be read as the views show it");
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider(admission: Json) -> Provider {
        let doc = json!({
            "status": "enabled", "protocol": "oidc", "endpoint": "https://id.example.org", "client": "daybook", "secret": null,
            "domains": [{ "domain": "Example.org", "is_verified": true }, { "domain": "example.net", "is_verified": false }],
            "admission": admission,
        });
        serde_json::from_value(doc).unwrap()
    }

    fn admission(second_factor: &str) -> Json {
        json!({
            "creates_accounts": true, "links_accounts": false, "second_factor": second_factor, "second_factor_acr": "gold",
            "claim": "realm_access.roles", "roles": [{ "value": "agents", "role": Uuid::nil() }],
        })
    }

    #[test]
    fn it_vouches_only_for_domains_that_are_proved() {
        let provider = provider(Json::Null);
        assert!(provider.is_in_use() && provider.vouches_for("ann@EXAMPLE.org."));
        for other in ["ann@example.net", "ann@sub.example.org", "example.org", "ann@example.org@evil.test", ""] {
            assert!(!provider.vouches_for(other), "{other}");
        }
    }

    #[test]
    fn a_second_factor_counts_as_it_is_declared() {
        let told = [json!({ "amr": ["pwd", "mfa"] }), json!({ "acr": "gold" })];
        let silent = [json!({}), json!({ "amr": "mfa", "acr": "1" }), json!({ "amr": ["otp"] })];
        for (second_factor, of_told, of_silent) in
            [("ignored", false, false), ("told", true, false), ("always", true, true)]
        {
            let admission = provider(admission(second_factor)).admission.unwrap();
            assert!(told.iter().all(|said| admission.has_second_factor(said) == of_told), "{second_factor}");
            assert!(silent.iter().all(|said| admission.has_second_factor(said) == of_silent), "{second_factor}");
        }
    }

    #[test]
    fn only_what_the_mapping_names_is_taken() {
        let admission = provider(admission("told")).admission.unwrap();
        let said = json!({ "realm_access": { "roles": ["agents", "offline_access", 7] } });
        assert_eq!(admission.values(&said), BTreeSet::from(["agents".to_owned()]));
        assert_eq!(admission.values(&json!({ "realm_access.roles": "agents" })).len(), 1);
        assert!(admission.values(&json!({ "realm_access": [] })).is_empty());
    }
}
