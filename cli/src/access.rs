//! Access policies as code: a file in Cedar is checked, and what it says is put in force.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use daybook_cedar::{Draft, read, schema};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::api::{Api, Command, Failure, Receipt};
use crate::fault::Fault;
use crate::journal::printed::print;
use crate::role::Role;
use crate::settings::Settings;
use crate::tenant::{operator, token};

/// What is done with access policies.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Prints what policies may speak of, as a schema for Cedar's own tools
    Schema,
    /// Checks a file of policies, and prints each as the command `draft` takes it
    Check(File),
    /// Puts the policies of a file in force, in the place of those of the same name; others stay
    Apply(Apply),
}

/// A file of policies.
#[derive(Debug, Args)]
pub struct File {
    /// The file, in Cedar
    file: PathBuf,
}

/// A file of policies, and whose they are.
#[derive(Debug, Args)]
pub struct Apply {
    /// The file, in Cedar
    file: PathBuf,
    /// The organisation
    #[arg(long)]
    tenant: Uuid,
}

/// Does what is asked.
pub async fn run(command: AccessCommand, settings: &Settings) -> Result<(), Fault> {
    let mut out = std::io::stdout().lock();
    match command {
        AccessCommand::Schema => print(&mut out, schema().trim_end()),
        AccessCommand::Check(File { file }) => {
            policies(&file)?.iter().try_for_each(|draft| print(&mut out, &draft.body().to_string()))
        }
        AccessCommand::Apply(Apply { file, tenant }) => {
            // All of them are checked before the first is given.
            let drafts = policies(&file)?;
            let token = token(settings, tenant, operator(tenant), &[Role::Admin])?;
            let api = Api::new(&settings.cli.command_url, &settings.cli.query_url, &token);
            for draft in &drafts {
                let done = apply(&api, draft).await?;
                print(&mut out, &format!("{}: {done}", draft.name))?;
            }
            Ok(())
        }
    }
}

fn policies(file: &PathBuf) -> Result<Vec<Draft>, Fault> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fault::asked(format!("{} cannot be read: {error}", file.display())))?;
    read(&text).map_err(|refused| Fault::asked(format!("{}: {refused}", file.display())))
}

/// Puts a policy in force, in the place of the one of its name; what was done.
async fn apply(api: &Api, draft: &Draft) -> Result<&'static str, Fault> {
    let failed = |failure| Fault::Api { doing: format!("applying {:?}", draft.name), failure };
    let known = find(api, &draft.name).await.map_err(failed)?;
    let give = async |path: String, body: Json| -> Result<Receipt, Fault> {
        let key = Uuid::new_v4().to_string();
        api.give(&Command { path, body, key, occurred_at: None }).await.map_err(failed)
    };
    let body = draft.body();
    let is_so = ["effect", "permissions", "when", "cases"].iter().all(|name| known[name] == body[name]);
    let (id, done) = match (known["id"].as_str(), known["status"].as_str()) {
        (Some(_), Some("active")) if is_so => return Ok("in force as it is"),
        (Some(id), Some("draft")) => {
            give(format!("access-policies/{id}/revise"), body).await?;
            (id.to_owned(), "in force")
        }
        (Some(id), _) => {
            give(format!("access-policies/{id}/retire"), json!({})).await?;
            (give("access-policies".into(), body).await?.id.to_string(), "in force in the place of the one before")
        }
        (None, _) => (give("access-policies".into(), body).await?.id.to_string(), "in force"),
    };
    give(format!("access-policies/{id}/activate"), json!({})).await?;
    Ok(done)
}

/// The policy of that name that is in work or in force; `null` where there is none.
async fn find(api: &Api, name: &str) -> Result<Json, Failure> {
    let mut cursor = String::new();
    loop {
        let page = api.read(&format!("access-policies?status=draft,active&limit=200{cursor}"), None).await?;
        let is_it =
            |policy: &&Json| policy["name"].as_str().is_some_and(|one| one.to_lowercase() == name.to_lowercase());
        if let Some(found) = page["items"].as_array().into_iter().flatten().find(is_it) {
            return Ok(found.clone());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(Json::Null),
        }
    }
}
