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

/// The plan that tenants of the tool's have: roomy, so that nothing it loads meets a limit.
const PLAN: &str = "standard";

/// Has the tenant subscribe to the plan `standard`, which is defined if there is none; the plan's code.
pub async fn subscribe(api: &Api, settings: &Settings, tenant: Uuid) -> Result<&'static str, Fault> {
    let token = token::sign(settings, None, operator(Uuid::nil()), &[Role::Platform], Vec::new(), LIFETIME)?;
    let api = api.acting_as(&token);
    let limit = |metric: &str, soft: u32| json!({ "metric": metric, "soft": soft, "hard": 2 * soft });
    let limits = [limit("members", 500), limit("teams", 100), limit("configuration_items", 50_000)];
    let define = Command {
        path: "plans".into(),
        body: json!({ "code": PLAN, "name": "Standard", "limits": limits, "features": ["search", "api"] }),
        key: format!("plan/{PLAN}/define"),
        occurred_at: None,
    };
    let failed = |doing: &str| {
        let doing = format!("{doing} the plan {PLAN}");
        move |failure| Fault::Api { doing, failure }
    };
    let plan = match api.give(&define).await {
        Ok(receipt) => receipt.id,
        Err(Failure::Refused(no)) if no.code == "NOT_UNIQUE" => {
            let found = api.read(&format!("plans?code={PLAN}&fields=code"), None).await.map_err(failed("finding"))?;
            let id = found["items"][0]["id"].as_str().and_then(|id| id.parse().ok());
            id.ok_or_else(|| Fault::asked(format!("the plan {PLAN} exists, but no list has it")))?
        }
        Err(failure) => return Err(failed("defining")(failure)),
    };
    let subscribe = Command {
        path: format!("subscriptions/{tenant}/subscribe"),
        body: json!({ "plan": plan, "seats": 500, "period": "yearly" }),
        key: format!("tenant/{tenant}/subscribe"),
        occurred_at: None,
    };
    match api.give(&subscribe).await {
        Ok(_) => Ok(PLAN),
        // The key is forgotten after a day; the subscription is not.
        Err(Failure::Refused(no)) if no.code == "ALREADY_EXISTS" => Ok(PLAN),
        Err(failure) => Err(failed("subscribing to")(failure)),
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
