//! The door of a tenant: sign-in, for somebody who has no token yet.

use std::fs;

use serde_json::{Value as Json, json};

use super::{Answer, Ask, Caller, Tenant, eventually};

/// Somebody without a token, at the door of a tenant.
pub struct Door {
    /// Anybody of the system: the token is not shown.
    pub caller: Caller,
    /// The tenant.
    pub tenant: Tenant,
    /// The address of who stands there.
    pub email: String,
}

impl Door {
    /// Something that is asked without a token.
    pub fn ask(&self, path: &str, body: Json) -> Ask {
        self.caller.sign_in("POST", path).without("Authorization").body(body.to_string())
    }

    /// A sign-in with this password, and whatever more is said.
    pub fn login(&self, password: &str, more: &[(&str, &str)]) -> Ask {
        let mut body = json!({ "organization": self.tenant.id, "email": self.email, "password": password });
        more.iter().for_each(|(name, value)| body[*name] = json!(value));
        self.ask("login", body)
    }

    /// Signs in; who then asks, and the token that keeps it up.
    pub async fn signed_in(&self, password: &str, more: &[(&str, &str)]) -> (Caller, String) {
        let answer = self.login(password, more).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        (self.caller.showing(text(&answer, "access_token")), text(&answer, "refresh_token").to_owned())
    }

    /// Sets a first password, by the mail that comes to who has an account.
    pub async fn first_password(&self, password: &str) {
        let asked = json!({ "organization": self.tenant.id, "email": self.email });
        assert_eq!(self.ask("forgot-password", asked).send().await.status, 202);
        let token = self.mailed("dbp").await;
        let answer = self.ask("reset-password", json!({ "token": token, "password": password })).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The token in the last mail to this address that has one of that kind.
    pub async fn mailed(&self, kind: &str) -> String {
        let folder = self.tenant.system.state().join("mail");
        let find = || {
            let mut mails: Vec<_> = fs::read_dir(&folder).ok()?.flatten().map(|file| file.path()).collect();
            mails.sort();
            mails.iter().rev().find_map(|mail| {
                let text =
                    fs::read_to_string(mail).ok().filter(|text| text.contains(&format!("To: {}", self.email)))?;
                let from = text.find(&format!("token={kind}_"))? + "token=".len();
                text[from..].split_whitespace().next().map(str::to_owned)
            })
        };
        eventually("a mail comes", 10, async || find().ok_or(format!("no {kind} in {}", folder.display()))).await
    }
}

/// A text of an answer that must have it.
#[track_caller]
pub fn text<'a>(answer: &'a Answer, field: &str) -> &'a str {
    answer.body[field].as_str().unwrap_or_else(|| panic!("no {field}: {answer:?}"))
}
