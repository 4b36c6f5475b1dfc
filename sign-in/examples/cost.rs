//! What signing in and a token cost: `cargo run --example cost -- <url> <organisation> <address> <password>`, against a
//! running system. Signs in 100 times, one after the other, then verifies tokens in this process; ends with one line of JSON.

use std::time::{Duration, Instant};

use daybook_platform::{Authenticator, auth::Claims, issuer::Issuer, sections::Auth};
use serde_json::json;
use uuid::Uuid;

const SIGN_INS: usize = 100;
const TOKENS: usize = 2_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let said: Vec<String> = std::env::args().skip(1).collect();
    let [url, organization, email, password] = said.as_slice() else {
        return Err("say url, organisation, address and password".into());
    };
    let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
    let post = async |path: &str, body: serde_json::Value, token: Option<&str>| {
        let mut request = http.post(format!("{url}/api/v1/auth/{path}")).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await
    };
    let mut took = Vec::with_capacity(SIGN_INS);
    for _ in 0..SIGN_INS {
        let begun = Instant::now();
        let body = json!({ "organization": organization, "email": email, "password": password });
        let answer: serde_json::Value = post("login", body, None).await?.error_for_status()?.json().await?;
        took.push(begun.elapsed());
        // A user has so many sessions at most.
        post("logout", json!({}), answer["access_token"].as_str()).await?.error_for_status()?;
    }
    took.sort();
    let ms = |part: usize| took[(SIGN_INS - 1) * part / 100].as_secs_f64() * 1_000.0;

    let folder = std::env::temp_dir().join(format!("daybook-cost-{}", Uuid::now_v7()));
    Issuer::init(&folder)?;
    let settings = Auth { jwks: folder.join("jwks.json").display().to_string(), ..Auth::default() };
    let issuer = Issuer::open(&folder, &settings)?;
    let authenticator = Authenticator::new(&settings).await?;
    let permissions: Vec<String> = daybook_contents::permissions::all().into_iter().collect();
    let claims = |n: usize| Claims {
        sub: Uuid::from_u128(n as u128 + 1),
        tenant_id: "platform".to_owned(),
        roles: vec!["Organization Admin".to_owned()],
        permissions: permissions.clone(),
        jti: None,
        sid: None,
        client_id: None,
        amr: Vec::new(),
    };
    let tokens: Vec<String> =
        (0..TOKENS).map(|n| issuer.mint(claims(n), Duration::from_secs(600))).collect::<Result<_, _>>()?;
    let mut verified = Vec::new();
    for _ in 0..2 {
        let begun = Instant::now();
        for token in &tokens {
            authenticator.verify(token).await.map_err(|error| error.to_string())?;
        }
        verified.push(begun.elapsed().as_secs_f64() * 1e6 / TOKENS as f64);
    }
    std::fs::remove_dir_all(folder)?;
    let figures = json!({
        "sign_ins": SIGN_INS, "login_p50_ms": ms(50), "login_p95_ms": ms(95), "login_max_ms": ms(100),
        "token_first_us": verified[0], "token_again_us": verified[1],
    });
    println!("{figures}");
    Ok(())
}
