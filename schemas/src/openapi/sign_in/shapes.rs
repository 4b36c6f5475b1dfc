//! The bodies of sign-in: what it is asked with, and what it answers.

use serde_json::{Map, Value as Json, json};

fn text(about: &str) -> Json {
    json!({ "type": "string", "description": about })
}

fn id(about: &str) -> Json {
    json!({ "type": "string", "format": "uuid", "description": about })
}

fn object(about: &str, required: &[&str], fields: &[(&str, Json)]) -> Json {
    let properties: Map<String, Json> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "description": about, "required": required, "properties": properties })
}

/// The JSON of Web Authentication's `PublicKeyCredential`, in which bytes are in base64url without padding.
fn credential(about: &str, parts: &[&str]) -> Json {
    let part = || json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]*$" });
    let fields: Map<String, Json> = parts.iter().map(|name| ((*name).to_owned(), part())).collect();
    json!({
        "type": "object",
        "description": format!("{about}: `PublicKeyCredential.toJSON()` (Web Authentication, Level 3)."),
        "required": ["rawId", "response"],
        "properties": { "rawId": part(), "response": { "type": "object", "required": parts, "properties": fields } },
    })
}

/// What a browser is given to make or to show a passkey.
fn options(verb: &str) -> (&'static str, Json) {
    let about = format!("For `navigator.credentials.{verb}`, by `PublicKeyCredential.parse…OptionsFromJSON`.");
    ("publicKey", json!({ "type": "object", "description": about, "required": ["challenge"] }))
}

/// What sign-in is asked with, by name.
pub(super) fn bodies() -> Vec<(&'static str, Json)> {
    let organization = || ("organization", text("The organisation: its slug, or its id."));
    let email = || ("email", text("The address."));
    let new_password = || json!({ "type": "string", "format": "password", "minLength": 12, "maxLength": 256, "description": "12 to 256 characters of any kind; none known from a breach." });
    let password = || json!({ "type": "string", "format": "password", "description": "The present password." });
    let token = || ("token", text("The token from the mail."));
    let closed = |mut schema: Json| {
        schema["additionalProperties"] = json!(false);
        schema
    };
    let code = ("code", text("The code of an authenticator app."));
    let recovery = ("recovery_code", text("A recovery code in its place."));
    let signed =
        ("credential", credential("What a passkey has signed", &["clientDataJSON", "authenticatorData", "signature"]));
    let made = ("credential", credential("The passkey that was made", &["clientDataJSON", "attestationObject"]));
    let once = [("password", password()), code.clone(), recovery.clone(), signed.clone()];
    let method = (
        "method",
        json!({ "type": "string", "enum": ["totp", "webauthn"], "default": "totp", "description": "Codes of an authenticator app, or a passkey." }),
    );
    vec![
        (
            "Registration",
            closed(object(
                "Who asks for an account.",
                &["organization", "email", "name"],
                &[
                    organization(),
                    email(),
                    ("name", text("What the person is called.")),
                    ("locale", text("A language tag, such as `pt-BR`.")),
                ],
            )),
        ),
        (
            "Verification",
            closed(object(
                "The proof that somebody reads what is sent to the address.",
                &["token"],
                &[token(), ("password", new_password())],
            )),
        ),
        (
            "Credentials",
            closed(object(
                "Who signs in.",
                &["organization", "email", "password"],
                &[organization(), email(), ("password", password()), code.clone(), recovery.clone(), signed.clone()],
            )),
        ),
        (
            "Refresh",
            closed(object("A refresh token.", &["refresh_token"], &[("refresh_token", text("The token given last."))])),
        ),
        (
            "Grant",
            object(
                "A grant of OAuth 2.0 (RFC 6749), as JSON or as a form.",
                &["grant_type"],
                &[
                    (
                        "grant_type",
                        json!({ "type": "string", "enum": ["password", "refresh_token", "client_credentials"] }),
                    ),
                    organization(),
                    ("username", text("The address, for a password.")),
                    ("password", password()),
                    code.clone(),
                    recovery.clone(),
                    ("refresh_token", text("The token given last.")),
                    ("client_secret", text("The API key.")),
                ],
            ),
        ),
        (
            "Address",
            closed(object("Who has forgotten the password.", &["organization", "email"], &[organization(), email()])),
        ),
        (
            "Replacement",
            closed(object(
                "A new password for a forgotten one.",
                &["token", "password"],
                &[token(), ("password", new_password())],
            )),
        ),
        (
            "Change",
            closed(object(
                "Another password.",
                &["password", "new_password"],
                &[("password", password()), ("new_password", new_password())],
            )),
        ),
        (
            "Once",
            closed(object("The password once more, and the second factor where there is one.", &["password"], &once)),
        ),
        (
            "Enrolment",
            closed(object(
                "The password once more, the second factor where there is one already, and which is set up.",
                &["password"],
                &[&once[..], &[method]].concat(),
            )),
        ),
        ("Proof", closed(object("A code of the app, or the passkey, that is being set up.", &[], &[code, made]))),
        ("PasskeyLogin", closed(object("What a passkey has signed.", &["credential"], &[signed]))),
        (
            "Redemption",
            closed(object(
                "A code, and the verifier of who began.",
                &["code", "verifier"],
                &[
                    ("code", text("The code that the browser came back with.")),
                    ("verifier", text("What `challenge` was the hash of.")),
                ],
            )),
        ),
        (
            "LogoutToken",
            object(
                "What a provider sends.",
                &["logout_token"],
                &[("logout_token", text("Its token, as JSON or as a form."))],
            ),
        ),
        (
            "ClientSecret",
            closed(object(
                "What a provider is shown. It serves for that issuer and that client only.",
                &["endpoint", "client", "secret"],
                &[
                    ("endpoint", text("The issuer.")),
                    ("client", text("As whom it knows us.")),
                    (
                        "secret",
                        json!({ "type": "string", "format": "password", "minLength": 1, "maxLength": 1000, "description": "The secret." }),
                    ),
                ],
            )),
        ),
        (
            "KeyRequest",
            closed(object(
                "What is said of a new key.",
                &["name", "scopes", "expires_at"],
                &[
                    (
                        "name",
                        json!({ "type": "string", "minLength": 1, "maxLength": 200, "description": "What it is for." }),
                    ),
                    (
                        "scopes",
                        json!({ "type": "array", "items": { "type": "string" }, "description": "What a program may do with it: permissions of yours." }),
                    ),
                    (
                        "expires_at",
                        json!({ "type": "string", "format": "date-time", "description": "Until when it can be used." }),
                    ),
                ],
            )),
        ),
    ]
}

/// What it answers, by name.
pub(super) fn answers() -> Vec<(&'static str, Json)> {
    let position = || ("position", text("Where the entry stands; send it to the query API."));
    let list = |about: &str, fields: &[(&str, Json)]| {
        object(about, &["items"], &[("items", json!({ "type": "array", "items": object("One.", &["id"], fields) }))])
    };
    let strings = |about: &str| json!({ "type": "array", "items": { "type": "string" }, "description": about });
    let time = |about: &str| json!({ "type": "string", "format": "date-time", "description": about });
    vec![
        (
            "Sent",
            object(
                "A mail is sent where there is something to send.",
                &["sent"],
                &[("sent", json!({ "type": "boolean" }))],
            ),
        ),
        ("Done", object("It is in the journal.", &["user", "position"], &[("user", id("The user.")), position()])),
        (
            "Tokens",
            object(
                "The tokens of a session, or of an API key, which has no refresh token.",
                &["access_token", "token_type", "expires_in"],
                &[
                    ("access_token", text("For every service, in `Authorization`.")),
                    ("token_type", json!({ "const": "Bearer" })),
                    ("expires_in", json!({ "type": "integer", "description": "In seconds." })),
                    ("refresh_token", text("Serves once, for seven days.")),
                    ("session", id("The session.")),
                    ("user", id("The user.")),
                    ("tenant", text("The organisation's id, or `platform`.")),
                    (
                        "mfa_enrolment_required",
                        json!({ "type": "boolean", "description": "Nothing is allowed before a second factor is set up." }),
                    ),
                ],
            ),
        ),
        (
            "Enrolling",
            object(
                "What an authenticator app is told, or a browser to make a passkey with.",
                &[],
                &[("secret", text("To be typed: Base32.")), ("otpauth_uri", text("To be scanned.")), options("create")],
            ),
        ),
        ("PasskeyOptions", object("What a browser is told.", &["publicKey"], &[options("get")])),
        (
            "RecoveryCodes",
            object(
                "Codes for when the app is lost, each good once.",
                &["recovery_codes"],
                &[("recovery_codes", strings("Shown once."))],
            ),
        ),
        (
            "Me",
            object(
                "Who one is.",
                &["user", "tenant", "roles", "permissions"],
                &[
                    ("user", id("The user.")),
                    ("tenant", text("The organisation's id, or `platform`.")),
                    ("session", json!({ "type": ["string", "null"], "format": "uuid" })),
                    ("roles", strings("By name.")),
                    ("permissions", strings("What one may do.")),
                    ("mfa_enabled", json!({ "type": "boolean" })),
                    ("mfa_required", json!({ "type": "boolean" })),
                ],
            ),
        ),
        (
            "Sessions",
            list(
                "Open sessions.",
                &[
                    ("id", id("The session.")),
                    ("signed_in_at", time("When it began.")),
                    ("expires_at", time("Until when it lasts where nobody keeps it up.")),
                    ("amr", strings("How the person showed who it is (RFC 8176).")),
                    ("device", json!({ "type": ["string", "null"] })),
                    ("is_this", json!({ "type": "boolean", "description": "Whether it is that of the token." })),
                ],
            ),
        ),
        (
            "Key",
            object(
                "An API key, shown once.",
                &["id", "key", "prefix"],
                &[
                    ("id", id("The API key.")),
                    ("key", text("The key itself.")),
                    ("prefix", text("By which it is found again.")),
                    position(),
                ],
            ),
        ),
        (
            "Keys",
            list(
                "API keys.",
                &[
                    ("id", id("The API key.")),
                    ("prefix", text("What the key begins with.")),
                    ("name", text("What it is for.")),
                    ("status", text("`active`, `revoked` or `expired`.")),
                    ("scopes", strings("What a program may do with it.")),
                    ("expires_at", time("Until when it can be used.")),
                ],
            ),
        ),
        (
            "Providers",
            list("Identity providers.", &[("id", id("The provider.")), ("name", text("What it is called."))]),
        ),
        (
            "ReturnCode",
            object(
                "The code by which the tokens are taken.",
                &["code", "expires_in"],
                &[("code", text("The code.")), ("expires_in", json!({ "type": "integer", "description": "Seconds." }))],
            ),
        ),
        (
            "KeptSecret",
            object("Where it is kept.", &["secret"], &[("secret", id("The id for the provider's `secret`."))]),
        ),
        (
            "Tried",
            object(
                "What came of a test.",
                &["passed"],
                &[
                    ("passed", json!({ "type": "boolean", "description": "Whether people could sign in by it." })),
                    ("note", json!({ "type": ["string", "null"], "description": "What is wrong." })),
                    position(),
                ],
            ),
        ),
        (
            "KeySet",
            object(
                "A JSON Web Key Set.",
                &["keys"],
                &[("keys", json!({ "type": "array", "items": { "type": "object" } }))],
            ),
        ),
    ]
}
