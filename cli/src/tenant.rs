//! Tenants as the tool begins and remembers them: an organisation in the platform's books, handed over and ready.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::api::{Api, Command, Failure};
use crate::fault::Fault;
use crate::role::Role;
use crate::settings::Settings;
use crate::token;

/// How long the tool's own tokens hold: longer than anything it does.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// What the tool remembers of the demo tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Demo {
    /// The demo tenant.
    pub tenant: Uuid,
    /// Its people, by name: nothing else finds a person again.
    #[serde(default)]
    pub people: BTreeMap<String, Uuid>,
}

/// The user as whom the tool acts in a tenant (nil: the platform) before there is anybody.
pub fn operator(tenant: Uuid) -> Uuid {
    Uuid::new_v5(&tenant, b"daybook operator")
}

/// A token to act in a tenant: the one of the settings, else one signed by the development issuer.
pub fn token(settings: &Settings, tenant: Uuid, user: Uuid, roles: &[Role]) -> Result<String, Fault> {
    match &settings.cli.token {
        Some(token) => Ok(token.expose().trim().to_owned()),
        None => token::sign(settings, (!tenant.is_nil()).then_some(tenant), user, roles, Vec::new(), LIFETIME),
    }
}

/// The organisation with that slug, begun and handed over if there is none.
pub async fn open(api: &Api, settings: &Settings, slug: &str, name: &str) -> Result<Uuid, Fault> {
    let platform = Uuid::nil();
    let token = token::sign(settings, None, operator(platform), &[Role::Platform], Vec::new(), LIFETIME)?;
    let api = api.acting_as(&token);
    let begin = Command {
        path: "organizations".into(),
        body: json!({ "name": name, "slug": slug, "isolation": "shared", "owner_email": format!("owner@{slug}.example") }),
        key: format!("tenant/{slug}/create"),
        occurred_at: None,
    };
    let doing = |what: &str| format!("{what} the organisation {slug}");
    let id = match api.give(&begin).await {
        Ok(receipt) => receipt.id,
        // The key is forgotten after a day; the slug is not.
        Err(Failure::Refused(no)) if no.code == "NOT_UNIQUE" => {
            let path = format!("organizations?slug={slug}&fields=slug");
            let found =
                api.read(&path, None).await.map_err(|failure| Fault::Api { doing: doing("finding"), failure })?;
            match found["items"][0]["id"].as_str().and_then(|id| id.parse().ok()) {
                Some(id) => id,
                None => {
                    return Err(Fault::asked(format!("{}: the slug is taken, but no list has it", doing("finding"))));
                }
            }
        }
        Err(failure) => return Err(Fault::Api { doing: doing("beginning"), failure }),
    };
    let hand_over = Command {
        path: format!("organizations/{id}/activate"),
        body: json!({}),
        key: format!("tenant/{slug}/activate"),
        occurred_at: None,
    };
    match api.give(&hand_over).await {
        Ok(_) => Ok(id),
        Err(Failure::Refused(no)) if no.code == "INVALID_TRANSITION" => Ok(id),
        Err(failure) => Err(Fault::Api { doing: doing("handing over"), failure }),
    }
}

/// The demo tenant that [`crate::seed`] remembers, if there is one.
pub fn remembered_demo(settings: &Settings) -> Result<Option<Demo>, Fault> {
    let path = settings.cli.memory.join("demo.json");
    let text = match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(Fault::file(&path))?,
    };
    match serde_json::from_slice(&text) {
        Ok(demo) => Ok(Some(demo)),
        Err(error) => Err(Fault::asked(format!("{} does not name the demo tenant: {error}", path.display()))),
    }
}

/// The demo tenant, for a command that is given no other.
pub fn demo(settings: &Settings) -> Result<Uuid, Fault> {
    match remembered_demo(settings)? {
        Some(demo) => Ok(demo.tenant),
        None => Err(Fault::asked("there is no demo tenant here yet: say --tenant, or run `daybook seed`")),
    }
}

/// Remembers the demo tenant.
pub fn remember_demo(settings: &Settings, demo: &Demo) -> Result<(), Fault> {
    let path = settings.cli.memory.join("demo.json");
    fs::create_dir_all(&settings.cli.memory).map_err(Fault::file(&settings.cli.memory))?;
    fs::write(&path, json!(demo).to_string() + "\n").map_err(Fault::file(path))
}
