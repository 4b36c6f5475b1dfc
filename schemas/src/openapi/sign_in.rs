//! The API of sign-in, described by hand: it takes no aggregate's commands, it gives them.

mod shapes;

use serde_json::{Value as Json, json};

use super::{Paths, commands, document, parts, reference, shapes::Schemas};

/// Which tag the operations have.
const TAG: &str = "sign-in";

/// A route: its path below `/api/v1/auth`, method, summary, the name of its body, whether a token is needed, and the status and
/// the name of its answer.
type Route = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
    bool,
    (&'static str, Option<&'static str>),
    &'static [&'static str],
);

const ROUTES: &[Route] = &[
    (
        "register",
        "post",
        "Ask for an account; a mail follows.",
        Some("Registration"),
        false,
        ("202", Some("Sent")),
        &["400", "403", "503"],
    ),
    (
        "verify-email",
        "post",
        "Show that the address is one's own, and set the first password.",
        Some("Verification"),
        false,
        ("200", Some("Done")),
        &["400", "422", "503"],
    ),
    (
        "login",
        "post",
        "Sign in.",
        Some("Credentials"),
        false,
        ("200", Some("Tokens")),
        &["400", "401", "403", "409", "503"],
    ),
    (
        "passkeys/challenge",
        "post",
        "What a browser has a passkey sign, for five minutes and once; whoever asks, for whichever passkey.",
        None,
        false,
        ("200", Some("PasskeyOptions")),
        &["400", "503"],
    ),
    (
        "passkeys/login",
        "post",
        "Sign in by a passkey alone.",
        Some("PasskeyLogin"),
        false,
        ("200", Some("Tokens")),
        &["400", "401", "403", "409", "503"],
    ),
    (
        "refresh",
        "post",
        "Keep a session up; a token that was used before ends it.",
        Some("Refresh"),
        false,
        ("200", Some("Tokens")),
        &["400", "401", "503"],
    ),
    (
        "token",
        "post",
        "A grant of OAuth 2.0: password, refresh_token, or client_credentials with an API key.",
        Some("Grant"),
        false,
        ("200", Some("Tokens")),
        &["400", "401", "403", "409", "503"],
    ),
    (
        "forgot-password",
        "post",
        "Ask for a mail by which the password is replaced.",
        Some("Address"),
        false,
        ("202", Some("Sent")),
        &["400"],
    ),
    (
        "reset-password",
        "post",
        "Replace a forgotten password; ends the person's sessions.",
        Some("Replacement"),
        false,
        ("200", Some("Done")),
        &["400", "422", "503"],
    ),
    (
        "change-password",
        "post",
        "Choose another password; ends the person's sessions.",
        Some("Change"),
        true,
        ("200", Some("Done")),
        &["400", "401", "403", "422", "503"],
    ),
    (
        "mfa/enable",
        "post",
        "Begin to set up an authenticator app, or a passkey.",
        Some("Enrolment"),
        true,
        ("200", Some("Enrolling")),
        &["400", "401", "403", "409", "503"],
    ),
    (
        "mfa/verify",
        "post",
        "Show that it works: from now on it is asked for.",
        Some("Proof"),
        true,
        ("200", Some("RecoveryCodes")),
        &["400", "401", "409", "422", "503"],
    ),
    (
        "mfa/disable",
        "post",
        "Do without a second factor again.",
        Some("Once"),
        true,
        ("200", Some("Done")),
        &["400", "401", "403", "409", "503"],
    ),
    ("me", "get", "Who one is, and what one may do.", None, true, ("200", Some("Me")), &["401", "503"]),
    ("logout", "post", "Sign out.", None, true, ("204", None), &["400", "401", "503"]),
    ("sessions", "get", "Where one is signed in.", None, true, ("200", Some("Sessions")), &["401", "503"]),
    ("sessions/{id}", "delete", "Sign out elsewhere.", None, true, ("204", None), &["401", "404", "503"]),
    (
        "federation",
        "get",
        "The identity providers of an organisation by which people can sign in.",
        None,
        false,
        ("200", Some("Providers")),
        &["400", "503"],
    ),
    (
        "federation/{organization}/{provider}/start",
        "get",
        "Begin to sign in by an identity provider: the browser is sent there.",
        None,
        false,
        ("302", None),
        &["400", "403", "404", "502", "503"],
    ),
    (
        "federation/{organization}/{provider}/callback",
        "get",
        "Where the provider sends the browser back to. It is sent on with a code, or answered with one.",
        None,
        false,
        ("200", Some("ReturnCode")),
        &["400", "401", "403", "404", "502", "503"],
    ),
    (
        "federation/redeem",
        "post",
        "The tokens for the code that the browser came back with; it serves once, for a minute, with the verifier.",
        Some("Redemption"),
        false,
        ("200", Some("Tokens")),
        &["400", "401", "503"],
    ),
    (
        "federation/{organization}/{provider}/logout",
        "post",
        "A logout at the provider (OpenID Connect Back-Channel Logout): its sessions end here too.",
        Some("LogoutToken"),
        false,
        ("200", None),
        &["400", "404", "502", "503"],
    ),
    (
        "identity-providers/secrets",
        "post",
        "Keep what a provider is shown; its id is for the provider's `secret`.",
        Some("ClientSecret"),
        true,
        ("201", Some("KeptSecret")),
        &["400", "401", "403", "503"],
    ),
    (
        "identity-providers/{id}/test",
        "post",
        "Read what a provider publishes of itself, and note what came of it.",
        None,
        true,
        ("200", Some("Tried")),
        &["401", "403", "404", "409", "503"],
    ),
    (
        "api-keys",
        "post",
        "Give out an API key; it is shown once.",
        Some("KeyRequest"),
        true,
        ("201", Some("Key")),
        &["400", "401", "403", "422", "503"],
    ),
    (
        "api-keys",
        "get",
        "One's own API keys, by their prefixes.",
        None,
        true,
        ("200", Some("Keys")),
        &["400", "401", "503"],
    ),
    (
        "api-keys/{id}/rotate",
        "post",
        "Give a key another secret; it is shown once.",
        None,
        true,
        ("200", Some("Key")),
        &["401", "403", "404", "409", "503"],
    ),
];

/// What is asked in the addresses of questions: the path, the name, what it is, and whether it has to be there.
const QUESTIONS: &[(&str, &str, &str, bool)] = &[
    ("api-keys", "prefix", "What the prefixes begin with.", false),
    ("federation", "organization", "The organisation: its slug, or its id.", true),
    (START, "challenge", "The SHA-256 of a verifier that the client keeps, in base64url (RFC 7636, S256).", true),
    (START, "return_to", "Where the browser is sent afterwards: one of the operator's addresses.", false),
    (CALLBACK, "state", "What the browser was sent with.", false),
    (CALLBACK, "code", "The code of the provider.", false),
    (CALLBACK, "iss", "The name of the provider (RFC 9207).", false),
    (CALLBACK, "error", "Why there is no code.", false),
];

const START: &str = "federation/{organization}/{provider}/start";
const CALLBACK: &str = "federation/{organization}/{provider}/callback";

/// The API by which people sign in.
pub fn sign_in() -> Json {
    let mut schemas = Schemas::default();
    let mut paths = Paths::default();
    for (name, schema) in shapes::bodies().into_iter().chain(shapes::answers()) {
        schemas.add(name, schema);
    }
    for route in ROUTES {
        add(route, &mut paths);
    }
    paths.add(
        "/.well-known/jwks.json",
        "get",
        json!({
            "operationId": "keys",
            "tags": [TAG],
            "summary": "The keys that tokens are signed with (RFC 7517).",
            "security": [],
            "responses": parts::responses(json!({ "200": parts::answer("The public keys.", reference("schemas", "KeySet")) }), &[]),
        }),
    );
    document(
        "Daybook sign-in",
        "Who has shown who it is gets an access token of 15 minutes, for every service, and a refresh token that serves once. \
         A session that ends is over everywhere within seconds.",
        schemas,
        paths,
        parts::sign_in_components(),
    )
}

fn add((path, method, summary, body, needs_token, (status, answer), refusals): &Route, paths: &mut Paths) {
    let verb = if *method == "get" { "list" } else { method };
    let id = path.replace("/{id}", "").replace("/{organization}/{provider}", "").replace(['/', '-'], "_");
    let id = format!("{id}.{verb}");
    let described = match answer {
        Some(answer) => parts::answer("Done.", reference("schemas", answer)),
        None => json!({ "description": "Done." }),
    };
    let mut operation = json!({
        "operationId": id,
        "tags": [TAG],
        "summary": summary,
        "responses": parts::responses(json!({ *status: described }), refusals),
    });
    if path.contains("{id}") {
        operation["parameters"] = json!([reference("parameters", "Id")]);
    }
    if path.contains("{organization}") {
        operation["parameters"] = json!([reference("parameters", "Organization"), reference("parameters", "Provider")]);
    }
    let questions = QUESTIONS.iter().filter(|(of, ..)| of == path && *method == "get");
    for (_, name, about, is_required) in questions {
        let mut parameter = parts::parameter(name, about, json!({ "type": "string" }));
        if *is_required {
            parameter["required"] = json!(true);
        }
        let known = operation["parameters"].as_array().cloned().unwrap_or_default();
        operation["parameters"] = json!([known, vec![parameter]].concat());
    }
    if *path == CALLBACK {
        operation["responses"]["302"] = json!({ "description": "The browser is sent on, with `code` or `error`." });
    }
    if let Some(body) = body {
        operation["requestBody"] = commands::request(body, true);
    }
    if !needs_token {
        operation["security"] = json!([]);
    }
    paths.add(&format!("/api/v1/auth/{path}"), method, operation);
}
