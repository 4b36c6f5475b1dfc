//! Sign-in on the command line: the next signing key, and how somebody of the demo tenant comes to a password.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Subcommand;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::fault::Fault;
use crate::rebuild;
use crate::settings::Settings;

/// How long a mail is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// From now on there is to be a next signing key; sign-in makes it within seconds.
const ROTATE: &str = "
UPDATE sign_in.signing_keys SET due_at = now() WHERE withdrawn_at IS NULL AND due_at > now()
    AND NOT EXISTS (SELECT FROM sign_in.signing_keys n WHERE n.withdrawn_at IS NULL AND n.signs_from > now())";

/// The keys that sign now or later are believed no longer, and the next one signs at once: it is the first of those left.
const WITHDRAW: &str = "UPDATE sign_in.signing_keys SET withdrawn_at = now() WHERE withdrawn_at IS NULL";

/// What to do with sign-in.
#[derive(Debug, Subcommand)]
pub enum SignInCommand {
    /// Has the next signing key made: published at once, it signs a quarter of an hour later
    Rotate {
        /// A key was stolen: no token signed so far is believed any more, and everybody refreshes or signs in anew
        #[arg(long)]
        withdraw: bool,
    },
}

/// Does it.
pub async fn run(command: SignInCommand, settings: &Settings) -> Result<(), Fault> {
    let SignInCommand::Rotate { withdraw } = command;
    let mut connection = rebuild::connect(&settings.postgres).await?;
    let done = sqlx::query(if withdraw { WITHDRAW } else { ROTATE }).execute(&mut connection).await?;
    match (withdraw, done.rows_affected()) {
        (true, keys) => println!("withdrawn: {keys}; services believe them for another minute at most"),
        (false, 0) => println!("the next signing key is there, or being made, already"),
        (false, _) => println!("the next signing key will be published within seconds, and sign after its notice"),
    }
    Ok(())
}

/// Gives somebody a password as people get one: by a mail, which lies in a folder. Nothing, where they can sign in with it.
///
/// # Errors
/// What went wrong, in one sentence.
pub async fn give_password(settings: &Settings, tenant: Uuid, email: &str, password: &str) -> Result<(), String> {
    let http =
        reqwest::Client::builder().timeout(Duration::from_secs(10)).build().map_err(|error| error.to_string())?;
    let base = settings.cli.sign_in_url.trim_end_matches('/');
    let post = async |path: &str, body: Json| {
        let response = http.post(format!("{base}/api/v1/auth/{path}")).json(&body).send().await;
        let response = response.map_err(|error| format!("sign-in does not answer: {error}"))?;
        let (status, answer) = (response.status(), response.json::<Json>().await.unwrap_or_default());
        if status.is_success() { Ok(()) } else { Err(format!("sign-in answers {}", answer["error"]["message"])) }
    };
    if post("login", json!({ "organization": tenant, "email": email, "password": password })).await.is_ok() {
        return Ok(());
    }
    let begun = Instant::now();
    let known = mails(&settings.cli.mail_folder);
    // The account may have been made a moment ago: views are asked for it.
    let mut asked = None;
    loop {
        if asked.is_none_or(|asked: Instant| asked.elapsed() > Duration::from_secs(2)) {
            post("forgot-password", json!({ "organization": tenant, "email": email })).await?;
            asked = Some(Instant::now());
        }
        let fresh = mails(&settings.cli.mail_folder).into_iter().filter(|mail| !known.contains(mail));
        let token = fresh.filter_map(|mail| token_in(&mail, email)).next_back();
        match token {
            Some(token) => return post("reset-password", json!({ "token": token, "password": password })).await,
            None if begun.elapsed() > PATIENCE => return Err(format!("no mail to {email} came")),
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The mails in a folder, the oldest first.
fn mails(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let mut mails: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "eml")).collect();
    mails.sort();
    mails
}

/// The token in a mail to that address.
fn token_in(mail: &Path, email: &str) -> Option<String> {
    let text = fs::read_to_string(mail).ok().filter(|text| text.contains(&format!("To: {email}")))?;
    let (_, rest) = text.split_once("reset-password?token=")?;
    rest.split_whitespace().next().map(str::to_owned)
}
