//! What a record of the trail says.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use uuid::Uuid;

/// How much it matters that somebody looks at it, after syslog's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It happens to everybody: a token that has expired.
    Low,
    /// Many of them are a sign: a permission that is missing, a limit that is reached.
    Medium,
    /// One of them is a sign: a client that poses as one of our services.
    High,
}

/// Somebody who is known asked for something they may not have (`audit.access_recorded` with the result `denied`); what they were
/// given is [`What::Permitted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRecord {
    /// Why not, as a stable code.
    pub code: Cow<'static, str>,
    /// Why not, in words of ours.
    pub reason: String,
}

/// Something that may be an attack (`security.event_raised`): somebody is not believed, or asks too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// What, as a stable code.
    pub code: Cow<'static, str>,
    /// What, in words of ours.
    pub reason: String,
    /// How much it matters.
    pub severity: Severity,
}

/// What happened, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What.
    pub what: What,
    /// The tenant of the caller, where the caller is known; nil is the platform.
    pub tenant: Option<Uuid>,
    /// The user, where the caller is known.
    pub actor: Option<Uuid>,
    /// The method of the request.
    pub method: &'static str,
    /// The route as it is declared, without the ids in it.
    pub route: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The request's id.
    pub request: String,
}

/// One of the kinds of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An access that was denied.
    Access(AccessRecord),
    /// An access that was permitted (`audit.access_recorded` with the result `allowed`): to what stands at that path, ids of ours.
    Permitted(String),
    /// Something that may be an attack.
    Security(SecurityEvent),
}

impl What {
    /// What a refusal with that status and code is; none where it is no matter of security.
    pub fn of(status: u16, code: &str, message: &str) -> Option<Self> {
        let code = Cow::Owned(code.to_owned());
        let security = |code, reason, severity| Some(Self::Security(SecurityEvent { code, reason, severity }));
        match status {
            // What follows a colon may be a piece of the token.
            401 => security(code, message.split(':').next().unwrap_or_default().to_owned(), Severity::Low),
            403 if code == "SERVICE_CERTIFICATE_REQUIRED" => security(code, message.to_owned(), Severity::High),
            403 => Some(Self::Access(AccessRecord { code, reason: message.to_owned() })),
            429 => security(code, message.to_owned(), Severity::Medium),
            _ => None,
        }
    }
}

impl Record {
    /// The record as one line of JSON.
    pub fn line(&self) -> String {
        let (dataset, category, severity, code, reason) = match &self.what {
            What::Access(AccessRecord { code, reason }) => {
                ("daybook.access", "iam", Severity::Medium, &**code, &**reason)
            }
            What::Permitted(_) => ("daybook.access", "iam", Severity::Low, "PERMITTED", ""),
            What::Security(SecurityEvent { code, reason, severity }) => (
                "daybook.security",
                if self.status == 401 { "authentication" } else { "intrusion_detection" },
                *severity,
                &**code,
                &**reason,
            ),
        };
        let path = match &self.what {
            What::Permitted(path) => Some(path),
            _ => None,
        };
        let (event, outcome) = if path.is_some() { ("allowed", "success") } else { ("denied", "failure") };
        let severity = match severity {
            Severity::Low => 3,
            Severity::Medium => 5,
            Severity::High => 8,
        };
        let id = |id: Option<Uuid>| {
            id.map_or(Value::Null, |id| if id.is_nil() { "platform".into() } else { id.to_string().into() })
        };
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let mut line = json!({
            "@timestamp": millis,
            "ecs.version": "8.17",
            "event.kind": "event",
            "event.dataset": dataset,
            "event.category": [category],
            "event.type": [event],
            "event.outcome": outcome,
            "event.action": code,
            "event.reason": reason,
            "event.severity": severity,
            "organization.id": id(self.tenant),
            "user.id": id(self.actor),
            "http.request.method": self.method,
            "http.response.status_code": self.status,
            "url.path.template": self.route,
            "http.request.id": self.request,
        });
        if let Some(path) = path {
            line["url.path"] = path.as_str().into();
        }
        line.to_string()
    }
}
