//! Persons as the law knows them: everything known of one, handed out; and one forgotten, with a certificate.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use daybook_vault::erasure::{Certificate, certificate};
use serde_json::json;
use uuid::Uuid;

use crate::api::{Api, Command};
use crate::fault::Fault;
use crate::journal::printed::print;
use crate::role::Role;
use crate::settings::Settings;
use crate::tenant::{operator, token};

/// What is asked about a person.
#[derive(Debug, Subcommand)]
pub enum SubjectCommand {
    /// Prints everything that is known of a person, as JSON
    Export(Person),
    /// Erases everything personal of a person, for ever, waits until every store has forgotten, and prints the certificate
    Erase(Person),
    /// Prints the certificate of an erasure
    Certificate(Person),
}

/// A person.
#[derive(Debug, Args)]
pub struct Person {
    /// The person's account
    user: Uuid,
    /// The organisation that it is in
    #[arg(long)]
    tenant: Uuid,
}

/// How often is looked whether every store has forgotten, and for how long.
const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(300);

/// Does what is asked about a person.
pub async fn run(command: SubjectCommand, settings: &Settings) -> Result<(), Fault> {
    let (SubjectCommand::Export(person) | SubjectCommand::Erase(person) | SubjectCommand::Certificate(person)) =
        &command;
    let Person { user, tenant } = *person;
    let api = || -> Result<Api, Fault> {
        let token = token(settings, tenant, operator(tenant), &[Role::Admin])?;
        Ok(Api::new(&settings.cli.command_url, &settings.cli.query_url, &token))
    };
    let pool = daybook_vault::pool(&settings.postgres)?;
    match command {
        SubjectCommand::Export(_) => {
            let known = api()?.read(&format!("users/{user}/export"), None).await;
            let known = known.map_err(|failure| Fault::Api { doing: format!("exporting {user}"), failure })?;
            print(&mut std::io::stdout().lock(), &known.to_string())
        }
        SubjectCommand::Erase(_) => {
            let erase = Command {
                path: format!("users/{user}/erase"),
                body: json!({}),
                key: Uuid::new_v4().to_string(),
                occurred_at: None,
            };
            let doing = || format!("erasing {user}");
            let erased = api()?.give(&erase).await.map_err(|failure| Fault::Api { doing: doing(), failure })?;
            let begun = Instant::now();
            loop {
                match certificate(&pool, tenant, user).await? {
                    Some(certificate) if certificate.is_whole() => return show(&certificate),
                    found if begun.elapsed() > PATIENCE => {
                        found.iter().try_for_each(show)?;
                        let position = erased.position;
                        return Err(Fault::asked(format!(
                            "{user} is erased at {position}, but not every store has forgotten: see docs/runbooks/keys.md"
                        )));
                    }
                    _ => tokio::time::sleep(PAUSE).await,
                }
            }
        }
        SubjectCommand::Certificate(_) => match certificate(&pool, tenant, user).await? {
            Some(certificate) => show(&certificate),
            None => Err(Fault::asked(format!("nobody of the id {user} was erased in {tenant}"))),
        },
    }
}

fn show(certificate: &Certificate) -> Result<(), Fault> {
    print(&mut std::io::stdout().lock(), &json!(certificate).to_string())
}
