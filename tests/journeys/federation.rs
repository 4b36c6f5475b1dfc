//! Federation: people of Keycloak sign in and out, and a provider that lies lets nobody in.

use std::time::Instant;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    sign_in::over_everywhere,
    system::{
        Answer, Caller, System, Tenant,
        browser::{Browser, Shown, form},
        door::text,
        keycloak::Keycloak,
        provider::{Key, Provider, now},
    },
};

const AGENT: &str = "00000000-0000-8000-8000-00000000000e";
const MANAGER: &str = "00000000-0000-8000-8000-00000000000b";

/// A provider of a tenant, as its people come in by it.
struct Way<'a> {
    tenant: &'a Tenant,
    id: Uuid,
    /// What the client keeps.
    verifier: String,
}

impl<'a> Way<'a> {
    /// Sets a provider up, as its administrator does.
    async fn open(tenant: &'a Tenant, name: &str, issuer: &str, secret: &str, admission: Json) -> Self {
        let ann = &tenant.first;
        let asked = json!({ "endpoint": issuer, "client": "daybook", "secret": secret });
        let kept = ann.sign_in("POST", "identity-providers/secrets").body(asked.to_string()).send().await;
        let mut described = json!({ "name": name, "protocol": "oidc", "endpoint": issuer, "client": "daybook" });
        described["secret"] = json!(text(&kept, "secret"));
        let id = ann.give("identity-providers", described).await.id;
        let at = format!("identity-providers/{id}");
        let domain = json!({ "domain": format!("{name}.example") });
        ann.give(&format!("{at}/claim_domain"), domain.clone()).await;
        ann.give(&format!("{at}/verify_domain"), domain).await;
        let said = ann.give(&format!("{at}/set_admission"), admission).await;
        ann.read(&at, &said.position).await;
        let tried = ann.sign_in("POST", &format!("{at}/test")).send().await;
        assert_eq!(tried.body["passed"], true, "{tried:?}");
        let enabled = ann.give(&format!("{at}/enable"), json!({})).await;
        ann.read(&at, &enabled.position).await;
        Self { tenant, id, verifier: Uuid::new_v4().simple().to_string().repeat(2) }
    }

    fn path(&self, what: &str) -> String {
        let at = format!("federation/{}/{}/{what}", self.tenant.id, self.id);
        format!("{}/api/v1/auth/{at}", self.tenant.system.url("sign-in"))
    }

    /// Begins; the browser is sent to the provider.
    async fn begin(&self, browser: &Browser) -> Shown {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier));
        let back = format!("{}/signed-in", self.tenant.system.url("sign-in"));
        let query = form(&[("challenge", &challenge), ("return_to", &back)]);
        let sent = browser.get(&format!("{}?{query}", self.path("start"))).await;
        for (name, value) in [("response_type", "code"), ("code_challenge_method", "S256"), ("client_id", "daybook")] {
            assert_eq!(sent.said(name), value, "{}", sent.sent());
        }
        sent
    }

    /// Signs in at Keycloak; the browser is sent back.
    async fn at_keycloak(&self, browser: &Browser, user: &str) -> Shown {
        let page = browser.get(self.begin(browser).await.sent().as_str()).await;
        let password = format!("{user}-on-loopback");
        browser.post(&page.form(), &[("username", user), ("password", &password)]).await
    }

    /// Signs in at the office, to which Keycloak sends on by SAML; the browser is back with the code.
    async fn by_saml(&self, browser: &Browser) -> Shown {
        let page = browser.get(self.begin(browser).await.sent().as_str()).await;
        let asked = browser.get(&page.link("broker/office/login")).await;
        let login = browser.follow(browser.send(&asked).await).await;
        let fields = [("username", "sam"), ("password", "sam-on-loopback")];
        let answered = browser.post(&login.form(), &fields).await;
        let back = browser.follow(browser.send(&answered).await).await;
        browser.get(back.sent().as_str()).await
    }

    /// Comes back from a provider that gives this token, with whatever more is said; what the client is told.
    async fn with(&self, provider: &Provider, more: &[(&str, &str)], token: impl FnOnce(&str) -> String) -> Shown {
        let browser = Browser::new();
        let there = self.begin(&browser).await;
        provider.gives(token(&there.said("nonce")));
        let state = there.said("state");
        let query = form(&[&[("code", "x"), ("state", state.as_str())], more].concat());
        browser.get(&format!("{}?{query}", self.path("callback"))).await
    }

    /// Takes the tokens for a code.
    async fn redeem(&self, code: &str, verifier: &str) -> Answer {
        let body = json!({ "code": code, "verifier": verifier });
        let ask = self.tenant.rita.sign_in("POST", "federation/redeem").without("Authorization");
        ask.body(body.to_string()).send().await
    }

    /// The same, where it must be right: who asks then.
    async fn signed_in(&self, back: &Shown) -> (Caller, Answer) {
        let answer = self.redeem(&back.said("code"), &self.verifier).await;
        assert_eq!(answer.status, 200, "{answer:?} after {:?}", back.to);
        (self.tenant.rita.showing(text(&answer, "access_token")), answer)
    }

    async fn logout(&self, token: &str) -> Answer {
        let path = format!("federation/{}/{}/logout", self.tenant.id, self.id);
        let ask = self.tenant.rita.sign_in("POST", &path).without("Authorization");
        let body = form(&[("logout_token", token)]);
        ask.body(body).header("Content-Type", "application/x-www-form-urlencoded").send().await
    }
}

fn admission(creates_accounts: bool) -> Json {
    json!({
        "creates_accounts": creates_accounts, "links_accounts": true, "second_factor": "told", "claim": "roles",
        "roles": [{ "value": "agents", "role": AGENT }, { "value": "managers", "role": MANAGER }],
    })
}

async fn roles(caller: &Caller) -> Vec<String> {
    let me = caller.sign_in("GET", "me").answered().await;
    serde_json::from_value(me["roles"].clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn people_of_keycloak_sign_in_and_out() {
    let system = System::running();
    system.stack(&["start", "keycloak"]).await;
    let tenant = Tenant::begin(&system, "keycloak").await;
    system.stack(&["wait", "keycloak"]).await;
    let realm = format!("{}/realms/daybook", system.url("keycloak"));
    let way = Way::open(&tenant, "works", &realm, &system.secret("keycloak-client"), admission(true)).await;
    let keycloak = Keycloak::of(&system).await;
    keycloak.tells_logouts_to(&way.path("logout")).await;

    let browser = Browser::new();
    let sent_back = way.at_keycloak(&browser, "alba").await;
    let callback = sent_back.sent().as_str();
    assert_eq!(sent_back.said("iss"), realm);
    let stranger = Browser::new().get(callback).await;
    assert!(stranger.status == 401 && stranger.page.contains("UNKNOWN_STATE"), "{}", stranger.page);
    let back = browser.get(callback).await;
    // A stranger who shows it has used it up: nobody comes in by it.
    assert!(back.status == 401 && back.page.contains("UNKNOWN_STATE"), "{}", back.page);

    // The provider knows her now, and sends her back at once.
    let there = way.begin(&browser).await;
    let sent_back = browser.get(there.sent().as_str()).await;
    let back = browser.get(sent_back.sent().as_str()).await;
    assert!(back.sent().as_str().starts_with(&format!("{}/signed-in?code=dbf_", system.url("sign-in"))));
    way.redeem(&back.said("code"), &"0".repeat(64)).await.refused(401, "INVALID_CODE");
    let (alba, _) = way.signed_in(&back).await;
    way.redeem(&back.said("code"), &way.verifier).await.refused(401, "INVALID_CODE");
    let again = browser.get(sent_back.sent().as_str()).await;
    assert!(again.status == 401 && again.page.contains("UNKNOWN_STATE"), "{}", again.page);

    assert_eq!(roles(&alba).await, ["Agent"], "of the roles of Keycloak only what is mapped");
    let incident = alba.give("incidents", tenant.report("The lift is stuck")).await;
    alba.read(&format!("incidents/{}", incident.id), &incident.position).await;

    for nobody in ["carl", "dora"] {
        let browser = Browser::new();
        let sent_back = way.at_keycloak(&browser, nobody).await;
        let back = browser.get(sent_back.sent().as_str()).await;
        assert_eq!(back.said("error"), "ADDRESS_NOT_VOUCHED", "{nobody}");
    }

    // Somebody of a provider elsewhere that speaks SAML to Keycloak.
    keycloak.brokers_office().await;
    let browser = Browser::new();
    let back = way.by_saml(&browser).await;
    assert_eq!(roles(&way.signed_in(&back).await.0).await, ["Agent"]);

    let since = Instant::now();
    keycloak.logs_out("alba").await;
    over_everywhere(since, &alba).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the components, see make test"]
async fn a_provider_that_lies_lets_nobody_in() {
    let system = System::running();
    let tenant = Tenant::begin(&system, "liar").await;
    let key = Key::fresh("k1");
    let provider = Provider::listening(&key).await;
    let way = Way::open(&tenant, "works", &provider.issuer, "whatever", admission(true)).await;
    what_is_wrong_with_a_token_is_found(&way, &provider, &key).await;
    roles_come_and_go(&way, &provider, &key).await;
    a_logout_serves_once(&way, &provider, &key).await;
    let key = a_key_may_change(&way, &provider).await;
    a_second_factor_is_vouched_for(&way, &provider, &key).await;
}

async fn what_is_wrong_with_a_token_is_found(way: &Way<'_>, provider: &Provider, key: &Key) {
    let wrong = [
        ("another nonce", json!({ "nonce": "dbn_other" })),
        ("no nonce", json!({ "nonce": null })),
        ("for somebody else", json!({ "aud": "other" })),
        ("for several", json!({ "aud": ["daybook", "other"], "azp": null })),
        ("issued to another", json!({ "azp": "other" })),
        ("of another issuer", json!({ "iss": "http://127.0.0.1:1" })),
        ("run out", json!({ "exp": now() - 120 })),
        ("old", json!({ "iat": now() - 3_600 })),
        ("of the future", json!({ "iat": now() + 3_600 })),
        ("of nobody", json!({ "sub": "" })),
    ];
    let claims = |nonce: &str, other: &Json| {
        let mut claims = provider.claims(nonce);
        for (name, value) in other.as_object().unwrap() {
            match value {
                Json::Null => _ = claims.as_object_mut().unwrap().remove(name),
                value => claims[name] = value.clone(),
            }
        }
        claims
    };
    for (what, other) in wrong {
        let back = way.with(provider, &[], |nonce| key.sign(json!({}), &claims(nonce, &other))).await;
        assert_eq!(back.said("error"), "NOT_VOUCHED", "{what}");
    }
    let other = Key::fresh(&key.id);
    for (what, signer, head) in [
        ("signed by nobody", key, json!({ "alg": "none" })),
        ("signed with a shared secret", key, json!({ "alg": "HS256" })),
        ("said to be signed otherwise", key, json!({ "alg": "RS256" })),
        ("signed by another key", &other, json!({})),
        ("signed by an unknown key", key, json!({ "kid": "k2" })),
        ("a token of a logout", key, json!({ "typ": "logout+jwt" })),
    ] {
        let back = way.with(provider, &[], |nonce| signer.sign(head, &provider.claims(nonce))).await;
        assert_eq!(back.said("error"), "NOT_VOUCHED", "{what}");
    }
    for (what, other) in [
        ("unverified", json!({ "email_verified": false })),
        ("verified as a word", json!({ "email_verified": "true" })),
        ("of another domain", json!({ "email": "eve@elsewhere.example" })),
        ("of a domain below", json!({ "email": "eve@sub.works.example" })),
        ("none", json!({ "email": null })),
    ] {
        let back = way.with(provider, &[], |nonce| key.sign(json!({}), &claims(nonce, &other))).await;
        assert_eq!(back.said("error"), "ADDRESS_NOT_VOUCHED", "an address {what}");
    }
    let right = |nonce: &str| key.sign(json!({}), &provider.claims(nonce));
    let back = way.with(provider, &[("iss", "https://other.example")], right).await;
    assert_eq!(back.said("error"), "NOT_VOUCHED", "sent back by another");
    let back = way.with(provider, &[("error", "access_denied")], right).await;
    assert_eq!(back.said("error"), "PROVIDER_REFUSED");
    // And nothing but that was wrong.
    way.signed_in(&way.with(provider, &[("iss", &provider.issuer)], right).await).await;
}

async fn roles_come_and_go(way: &Way<'_>, provider: &Provider, key: &Key) {
    let as_one_of = async |values: Json| {
        let token = |nonce: &str| {
            let mut claims = provider.claims(nonce);
            claims["roles"] = values;
            key.sign(json!({}), &claims)
        };
        roles(&way.signed_in(&way.with(provider, &[], token).await).await.0).await
    };
    assert_eq!(as_one_of(json!(["managers", "unknown"])).await, ["IT Manager"]);
    assert_eq!(as_one_of(json!(["managers", "agents"])).await, ["IT Manager", "Agent"]);
    assert!(as_one_of(json!(null)).await.is_empty());
}

async fn a_logout_serves_once(way: &Way<'_>, provider: &Provider, key: &Key) {
    let right = |nonce: &str| key.sign(json!({}), &provider.claims(nonce));
    let (eve, _) = way.signed_in(&way.with(provider, &[], right).await).await;
    let typ = || json!({ "typ": "logout+jwt" });
    let with = |name: &str, value: Json| {
        let mut claims = provider.logout();
        claims[name] = value;
        key.sign(typ(), &claims)
    };
    let of_an_id_token = key.sign(json!({}), &provider.logout());
    for wrong in [
        of_an_id_token,
        with("nonce", json!("x")),
        with("events", json!({})),
        with("aud", json!("other")),
        with("iat", json!(now() - 3_600)),
        with("jti", json!("")),
        Key::fresh(&key.id).sign(typ(), &provider.logout()),
        "x".to_owned(),
    ] {
        way.logout(&wrong).await.refused(400, "INVALID_LOGOUT_TOKEN");
    }
    let elsewhere = with("sid", json!("s2"));
    assert_eq!(way.logout(&elsewhere).await.status, 200);
    eve.get("incidents").answered().await;
    let token = key.sign(typ(), &provider.logout());
    let since = Instant::now();
    assert_eq!(way.logout(&token).await.status, 200);
    over_everywhere(since, &eve).await;
    way.logout(&token).await.refused(400, "INVALID_LOGOUT_TOKEN");
    // By the person alone, all of hers.
    let (eve, _) = way.signed_in(&way.with(provider, &[], right).await).await;
    let since = Instant::now();
    assert_eq!(way.logout(&with("sid", json!(""))).await.status, 200);
    over_everywhere(since, &eve).await;
}

/// The provider signs with another key from one moment to the next.
async fn a_key_may_change(way: &Way<'_>, provider: &Provider) -> Key {
    let key = Key::fresh("k9");
    provider.publish(&key);
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    way.signed_in(&way.with(provider, &[], |nonce| key.sign(json!({}), &provider.claims(nonce))).await).await;
    key
}

async fn a_second_factor_is_vouched_for(way: &Way<'_>, provider: &Provider, key: &Key) {
    let settings = json!({
        "locale": "en", "time_zone": "Europe/Paris", "base_currency": "EUR", "fiscal_year_start": 1, "week_start": 1,
        "mfa": "required",
    });
    let path = format!("organizations/{}", way.tenant.id);
    let set = way.tenant.admin.give(&format!("{path}/set_settings"), settings).await;
    way.tenant.admin.read(&path, &set.position).await;
    let with = |ways: Json| {
        move |nonce: &str| {
            let mut claims = provider.claims(nonce);
            claims["amr"] = ways;
            key.sign(json!({}), &claims)
        }
    };
    let back = way.with(provider, &[], with(json!(["pwd"]))).await;
    assert_eq!(back.said("error"), "SECOND_FACTOR_NOT_VOUCHED");
    let (_, answer) = way.signed_in(&way.with(provider, &[], with(json!(["pwd", "mfa"]))).await).await;
    assert!(answer.body.get("mfa_enrolment_required").is_none(), "{answer:?}");
}
