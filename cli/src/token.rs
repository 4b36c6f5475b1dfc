//! The development issuer on the command line: its key, and tokens signed with it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use daybook_platform::auth::{Claims, PLATFORM};
use daybook_platform::issuer::Issuer;
use jiff::{Span, SpanRelativeTo};
use uuid::Uuid;

use crate::fault::Fault;
use crate::role::Role;
use crate::settings::Settings;

/// The longest life of a token: a development token that lives for ever would outlive the wish to trust it.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);

/// What to do with the issuer.
#[derive(Debug, Subcommand)]
pub enum IssuerCommand {
    /// Makes a new key pair: key.pem signs tokens, jwks.json is what services read.
    Init {
        /// The folder for both files; made if it does not exist.
        folder: PathBuf,
    },
}

/// Makes the issuer's keys.
pub fn issuer(command: IssuerCommand) -> Result<(), Fault> {
    let IssuerCommand::Init { folder } = command;
    Issuer::init(&folder)?;
    println!("made {} and {}", folder.join("key.pem").display(), folder.join("jwks.json").display());
    Ok(())
}

/// For whom the token is, and what it lets its bearer do.
#[derive(Debug, Args)]
pub struct TokenRequest {
    /// The tenant's id, or `platform`.
    #[arg(long)]
    tenant: String,
    /// The user's id.
    #[arg(long)]
    user: Uuid,
    /// A role; may be given several times.
    #[arg(long = "role", value_enum)]
    roles: Vec<Role>,
    /// A permission beyond those of the roles, such as incident:report; may be given several times.
    #[arg(long = "permission")]
    permissions: Vec<String>,
    /// How long it holds, such as 15m, 12h or 30d.
    #[arg(long, default_value = "12h")]
    lifetime: Span,
}

/// Prints a token, and nothing else.
pub fn print(request: TokenRequest, settings: &Settings) -> Result<(), Fault> {
    let lifetime = request.lifetime.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
    let lifetime = lifetime.and_then(|lifetime| Duration::try_from(lifetime).ok()).unwrap_or_default();
    if lifetime < Duration::from_secs(1) || lifetime > LONGEST {
        return Err(Fault::asked("--lifetime must be between 1s and 366d"));
    }
    let tenant = match request.tenant.as_str() {
        PLATFORM => None,
        text => match text.parse::<Uuid>() {
            Ok(id) if id.is_nil() => return Err(Fault::asked("--tenant: the nil id is the platform's; say platform")),
            Ok(id) => Some(id),
            Err(_) => {
                return Err(Fault::asked(format!("--tenant must be an organisation's id or `{PLATFORM}`, not {text}")));
            }
        },
    };
    if request.user.is_nil() {
        return Err(Fault::asked("--user must be the id of a user, not the nil id"));
    }
    if request.roles.is_empty() && request.permissions.is_empty() {
        return Err(Fault::asked(
            "say at least one --role or --permission: a token without either lets its bearer do nothing",
        ));
    }
    for role in [Role::Platform, Role::Policy] {
        if tenant.is_some() && request.roles.contains(&role) {
            return Err(Fault::asked(format!("the role {} is only for --tenant platform", role.name())));
        }
    }
    let known = daybook_contents::permissions::all();
    for permission in &request.permissions {
        let of_resource = permission.strip_suffix(":*").is_some_and(|resource| {
            known.iter().any(|known| known.strip_prefix(resource).is_some_and(|rest| rest.starts_with(':')))
        });
        if !known.contains(permission.as_str()) && !of_resource && permission != "*" {
            let known: Vec<_> = known.into_iter().collect();
            return Err(Fault::asked(format!("there is no permission {permission}; there are {}", known.join(", "))));
        }
    }
    println!("{}", sign(settings, tenant, request.user, &request.roles, request.permissions, lifetime)?);
    Ok(())
}

/// Signs a token for a user of a tenant (`None`: the platform) with the key of the development issuer.
pub fn sign(
    settings: &Settings,
    tenant: Option<Uuid>,
    user: Uuid,
    roles: &[Role],
    permissions: Vec<String>,
    lifetime: Duration,
) -> Result<String, Fault> {
    let of_roles = roles.iter().flat_map(|role| role.permissions()).map(str::to_owned);
    let permissions: BTreeSet<String> = of_roles.chain(permissions).collect();
    let claims = Claims {
        sub: user,
        tenant_id: tenant.map_or_else(|| PLATFORM.to_owned(), |id| id.to_string()),
        roles: roles.iter().map(|role| role.name().to_owned()).collect(),
        permissions: permissions.into_iter().collect(),
        jti: None,
        sid: None,
        client_id: None,
        amr: Vec::new(),
    };
    Ok(Issuer::open(&settings.cli.issuer, &settings.auth)?.mint(claims, lifetime)?)
}
