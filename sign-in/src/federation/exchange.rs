//! The code that came back, exchanged at the provider for an ID token (RFC 6749, section 4.1.3; RFC 7636).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use daybook_platform::abroad::{Bytes, Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{begun::Begun, issuer::Trouble, provider::Provider};
use crate::{
    app::App,
    store::{Fault, Store},
};

/// What is kept of what we show a provider. The issuer and the client are sealed with it: it is shown nowhere else, whoever
/// describes the provider anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// The issuer it is for.
    pub endpoint: String,
    /// As whom the issuer knows us.
    pub client: String,
    /// What is shown.
    pub secret: String,
}

/// Why there is no ID token.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The secret cannot be read.
    #[error(transparent)]
    Store(#[from] Fault),
    /// The provider cannot be spoken to.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// It does not take the code, or us.
    #[error("the provider refuses the code: {0}")]
    Refused(String),
    /// The secret is not there, or for another issuer or client.
    #[error("the client's secret was given for another endpoint or client: give it anew")]
    Secret,
}

impl Store {
    /// What the provider is shown; none for a public client.
    ///
    /// # Errors
    /// When it cannot be read, or is not for this provider as it is described.
    pub async fn client_secret(&self, provider: &Provider) -> Result<Option<String>, Failed> {
        let Some(id) = provider.secret else { return Ok(None) };
        let kept = self.secret("client", provider.tenant, provider.tenant, id).await?;
        let kept = kept.and_then(|kept| serde_json::from_slice::<ClientSecret>(&kept).ok());
        match kept {
            Some(kept) if kept.endpoint == provider.endpoint && kept.client == provider.client => Ok(Some(kept.secret)),
            _ => Err(Failed::Secret),
        }
    }
}

impl App {
    /// The ID token for a code.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn exchanged(&self, provider: &Provider, begun: &Begun, code: &str) -> Result<String, Failed> {
        let document = self.issuers.document(&provider.endpoint).await?;
        let secret = self.store.client_secret(provider).await?;
        let back = self.redirect_uri(provider);
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &back),
            ("code_verifier", &begun.verifier),
        ];
        let methods = document.token_endpoint_auth_methods_supported.as_ref();
        let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|known| known == method));
        let by_body = takes("client_secret_post") && !takes("client_secret_basic");
        let mut request = Request::post(&document.token_endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json");
        match &secret {
            Some(secret) if !by_body => {
                let both = format!("{}:{}", encoded(&provider.client), encoded(secret));
                request = request.header("authorization", format!("Basic {}", STANDARD.encode(both)));
            }
            Some(secret) => fields.extend([("client_id", provider.client.as_str()), ("client_secret", secret)]),
            None => fields.push(("client_id", &provider.client)),
        }
        let place = &document.token_endpoint;
        let request = request.body(Bytes::from(form(&fields)));
        let request = request.map_err(|_| Trouble::Said(format!("{place} cannot be asked")))?;
        let answer = self.issuers.abroad().send(request).await.map_err(|error| Trouble::Call(place.clone(), error))?;
        let said: Json = serde_json::from_slice(answer.body()).unwrap_or_default();
        match (answer.status(), said["id_token"].as_str()) {
            (StatusCode::OK, Some(token)) => Ok(token.to_owned()),
            (StatusCode::OK, None) => Err(Failed::Refused("it gives no ID token".to_owned())),
            (status, _) => {
                let error: String = said["error"].as_str().unwrap_or_default().chars().take(80).collect();
                Err(Failed::Refused(format!("{} {error}", status.as_u16())))
            }
        }
    }

    /// Where the provider sends people back to: an address for each, so that none answers for another (RFC 9700, section 4.4).
    pub fn redirect_uri(&self, provider: &Provider) -> String {
        let organization = crate::grants::written(provider.tenant);
        let origin = self.settings.url.trim_end_matches('/');
        format!("{origin}/api/v1/auth/federation/{organization}/{}/callback", provider.id)
    }
}

/// Fields as a form writes them (RFC 6749, appendix B).
pub fn form(fields: &[(&str, &str)]) -> String {
    let Ok(mut url) = reqwest::Url::parse("form:") else { return String::new() };
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

fn encoded(text: &str) -> String {
    form(&[(text, "")]).trim_end_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_what_it_is_given() {
        assert_eq!(form(&[("a", "b c"), ("d", "é&=")]), "a=b+c&d=%C3%A9%26%3D");
        assert_eq!((encoded("a:b+c"), encoded("x=")), ("a%3Ab%2Bc".to_owned(), "x%3D".to_owned()));
    }
}
