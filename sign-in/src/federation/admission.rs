//! Whose account it is that a provider vouches for, and the sign-in itself. What comes of it is decided by the book: whether the
//! provider is in use, which roles come with it, and whether somebody signs in with that account.

use daybook_kernel::Tenant;
use daybook_platform::ApiError;
use daybook_schemas::blind;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::provider::{Admission, Provider};
use crate::{
    app::App,
    desk::Receipt,
    people::Person,
    refusals::{self, security},
};

/// The longest name of a person.
const NAME: usize = 120;

impl App {
    /// Signs in whom an ID token is about, which has been found to be right: who it is, and the receipt of the session.
    ///
    /// # Errors
    /// Why nobody is signed in by it.
    pub async fn admit(
        &self,
        provider: &Provider,
        said: &Json,
        device: Option<String>,
    ) -> Result<(Uuid, Receipt), ApiError> {
        let Some(admission) = &provider.admission else { return Err(refusals::provider_not_in_use()) };
        let (subject, address) = (said["sub"].as_str().unwrap_or_default(), said["email"].as_str().unwrap_or_default());
        if said["email_verified"] != true || !provider.vouches_for(address) {
            security("federation.address", provider.tenant, None);
            return Err(refusals::address_not_vouched());
        }
        let has_second_factor = admission.has_second_factor(said);
        if !has_second_factor && self.mfa_required(provider.tenant).await? {
            return Err(refusals::second_factor_not_vouched());
        }
        let person = self.account(provider, admission, said, (subject, address)).await?;
        let amr: &[&str] = if has_second_factor { &["fed", "mfa"] } else { &["fed"] };
        let mut body = json!({
            "user": person, "method": "oidc", "amr": amr, "provider": provider.id, "values": admission.values(said),
        });
        if let Some(device) = device {
            body["device"] = json!(device);
        }
        let receipt = self.desk.give(provider.tenant, "sessions", &body).await?;
        let names = (subject, said["sid"].as_str());
        self.store.keep_provider_session(provider, names, receipt.id, person).await?;
        Ok((person, receipt))
    }

    /// The account of the person: the one that was found before, one of the same address, or a new one, as the provider is declared.
    async fn account(
        &self,
        provider: &Provider,
        admission: &Admission,
        said: &Json,
        (subject, address): (&str, &str),
    ) -> Result<Uuid, ApiError> {
        if let Some(known) = self.store.linked(provider, subject).await? {
            return Ok(known);
        }
        let tenant = provider.tenant;
        let user = match self.store.with_address(self.vault.sealer(), tenant, address).await? {
            Some(person) if admission.links_accounts => self.invited(tenant, person).await?,
            Some(_) => return Err(refusals::account_not_linked()),
            None if self.store.has_left(tenant, &blind::of(self.vault.sealer(), tenant, "email", address)).await? => {
                return Err(refusals::no_account());
            }
            None if admission.creates_accounts => self.opened(tenant, address, said).await?,
            None => return Err(refusals::no_account()),
        };
        self.store.link(provider, subject, user).await?;
        Ok(user)
    }

    /// Somebody who was invited takes the offer by coming.
    async fn invited(&self, tenant: Tenant, person: Person) -> Result<Uuid, ApiError> {
        if person.status() == "invited" {
            self.desk.give(tenant, &format!("users/{}/accept_invitation", person.id), &json!({})).await?;
        }
        Ok(person.id)
    }

    /// Opens an account whose address the provider has verified.
    async fn opened(&self, tenant: Tenant, address: &str, said: &Json) -> Result<Uuid, ApiError> {
        let (user, proof) = (Uuid::now_v7(), Uuid::now_v7());
        let body = json!({ "email": address, "name": name(said, address), "token": proof });
        self.desk.give(tenant, &format!("users/{user}/sign_up"), &body).await?;
        self.desk.give(tenant, &format!("users/{user}/verify_email"), &json!({ "token": proof })).await?;
        Ok(user)
    }
}

/// What a person is called, as far as the provider says it.
fn name(said: &Json, address: &str) -> String {
    let text = |claim: &str| said[claim].as_str().unwrap_or_default().trim();
    let both = format!("{} {}", text("given_name"), text("family_name"));
    let before = address.split('@').next().unwrap_or_default();
    let name = [text("name"), both.trim(), before].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    let plain: String = name.chars().filter(|letter| !letter.is_control()).take(NAME).collect();
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_called_as_the_provider_says() {
        assert_eq!(name(&json!({ "name": " Ann\nLee " }), "ann@x.example"), "AnnLee");
        assert_eq!(name(&json!({ "name": "", "given_name": "Ann" }), "ann@x.example"), "Ann");
        assert_eq!(name(&json!({}), "ann@x.example"), "ann");
        assert_eq!(name(&json!({ "name": "é".repeat(500) }), "").chars().count(), NAME);
    }
}
