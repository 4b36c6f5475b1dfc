//! Keycloak, as its administrator: what a journey needs of it beside signing in.

use serde_json::{Value as Json, json};

use super::{System, browser::form};

/// Keycloak, as its administrator.
pub struct Keycloak {
    http: reqwest::Client,
    realm: String,
    token: String,
}

impl Keycloak {
    /// Signs in as its administrator.
    pub async fn of(system: &System) -> Self {
        let http = system.http.clone();
        let fields = [
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            ("username", "admin"),
            ("password", &system.secret("keycloak-admin")),
        ];
        let at = format!("{}/realms/master/protocol/openid-connect/token", system.url("keycloak"));
        let request = http.post(at).header("content-type", "application/x-www-form-urlencoded").body(form(&fields));
        let answer: Json = request.send().await.unwrap().json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        Self { http, realm: format!("{}/admin/realms/daybook", system.url("keycloak")), token }
    }

    async fn get(&self, path: &str) -> Json {
        let request = self.http.get(format!("{}/{path}", self.realm)).bearer_auth(&self.token);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Tells logouts to that address from now on.
    pub async fn tells_logouts_to(&self, url: &str) {
        let mut client = self.get("clients?clientId=daybook").await[0].take();
        client["attributes"]["backchannel.logout.url"] = json!(url);
        let at = format!("{}/clients/{}", self.realm, client["id"].as_str().unwrap());
        let answer = self.http.put(at).bearer_auth(&self.token).json(&client).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Ends all sessions of somebody.
    pub async fn logs_out(&self, user: &str) {
        let id = self.get(&format!("users?exact=true&username={user}")).await[0]["id"].as_str().unwrap().to_owned();
        let at = format!("{}/users/{id}/logout", self.realm);
        let answer = self.http.post(at).bearer_auth(&self.token).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Believes what the realm `office` says by SAML, and gives who comes from there the role `agents`.
    pub async fn brokers_office(&self) {
        let url = self.realm.replace("/admin/realms/daybook", "/realms/office");
        let keys = self.get("../office/keys").await["keys"].take();
        let signs = |key: &&Json| key["use"] == "SIG" && key["type"] == "RSA";
        let certificate = keys.as_array().unwrap().iter().find(signs).unwrap()["certificate"].clone();
        let config = json!({
            "entityId": url.replace("/realms/office", "/realms/daybook"), "idpEntityId": url,
            "singleSignOnServiceUrl": format!("{url}/protocol/saml"), "signingCertificate": certificate,
            "validateSignature": "true", "wantAssertionsSigned": "true", "postBindingResponse": "true",
            "postBindingAuthnRequest": "true", "principalType": "SUBJECT", "syncMode": "IMPORT",
            "nameIDPolicyFormat": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
        });
        let provider =
            json!({ "alias": "office", "providerId": "saml", "enabled": true, "trustEmail": true, "config": config });
        self.post("identity-provider/instances", provider).await;
        for (name, attribute) in [("email", "email"), ("first", "firstName"), ("last", "lastName")] {
            let config = json!({ "syncMode": "INHERIT", "attribute.name": name, "user.attribute": attribute });
            self.maps(name, "saml-user-attribute-idp-mapper", config).await;
        }
        let config = json!({ "syncMode": "INHERIT", "role": "agents" });
        self.maps("agents", "oidc-hardcoded-role-idp-mapper", config).await;
    }

    async fn maps(&self, name: &str, mapper: &str, config: Json) {
        let body = json!({
            "name": name, "identityProviderAlias": "office", "identityProviderMapper": mapper, "config": config,
        });
        self.post("identity-provider/instances/office/mappers", body).await;
    }

    /// Makes something, unless it is there from an earlier run.
    async fn post(&self, path: &str, body: Json) {
        let at = format!("{}/{path}", self.realm);
        let answer = self.http.post(at).bearer_auth(&self.token).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        // What is there already is a conflict; of a mapper Keycloak says only that it failed.
        assert!([201, 400, 409].contains(&status), "{answer:?}");
    }
}
