//! What the handlers share, and the two questions that most of them ask: is it this password, is it this second factor.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::extract::FromRef;
use daybook_kernel::Tenant;
use daybook_platform::{ApiError, Authenticator};
use daybook_schemas::sealing::{Ring, keys_in};
use daybook_vault::Vault;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    desk::{Desk, Receipt},
    federation::issuer::Issuers,
    keys::Keys,
    mail::{Mail, Mailer},
    passkeys::{Assertion, Party},
    passwords::{self, Hash, Hasher, Rules, rules},
    people::Person,
    refusals::{self, security},
    scim::asker::Questions,
    settings::SignIn,
    store::Store,
    tokens,
    totp::{self, Seed},
};

/// How long a caller is asked to wait where there is no key to open with.
const KEYLESS: Duration = Duration::from_secs(2);

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// Secrets, and the views beside them.
    pub store: Arc<Store>,
    /// What tokens are signed with.
    pub keys: Keys,
    /// Where commands are given.
    pub desk: Desk,
    /// Hashes of passwords.
    pub hasher: Hasher,
    /// Which passwords are good enough.
    pub rules: Rules,
    /// For which domain passkeys are, and on which pages they serve.
    pub party: Party,
    /// How tokens reach people.
    pub mailer: Mailer,
    /// By which an address is found again, and read.
    pub vault: Vault,
    /// What identity providers publish of themselves.
    pub issuers: Issuers,
    /// Where it is asked who may do what.
    pub questions: Questions,
    /// Who is who.
    pub authenticator: Arc<Authenticator>,
    /// What is this service's own.
    pub settings: SignIn,
}

/// How somebody has shown a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Second {
    /// There is none.
    None,
    /// By a code, or a recovery code, that is used up with it.
    Code,
    /// By a passkey.
    Passkey {
        /// Whether it may be in several devices.
        is_synced: bool,
    },
}

impl Second {
    /// How it is called (RFC 8176), and that it is one more.
    pub fn ways(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Code => &["otp", "mfa"],
            Self::Passkey { is_synced: true } => &["swk", "mfa"],
            Self::Passkey { is_synced: false } => &["hwk", "mfa"],
        }
    }
}

/// What somebody says beside the password.
#[derive(Clone, Copy, Default)]
pub struct Codes<'a> {
    /// The code of an authenticator app.
    pub code: Option<&'a str>,
    /// A recovery code.
    pub recovery_code: Option<&'a str>,
    /// What a passkey has signed.
    pub credential: Option<&'a Assertion>,
}

impl App {
    /// All parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The id of the person's present password, if it is this one. Takes as long where there is no person.
    ///
    /// # Errors
    /// When it cannot be told.
    pub async fn password(
        &self,
        tenant: Tenant,
        person: Option<&Person>,
        said: &str,
    ) -> Result<Option<Uuid>, ApiError> {
        // Nobody has one that is longer: no time is spent on normalizing it.
        let said = if said.len() > 8 * rules::LONGEST { "" } else { said };
        let present = person.and_then(|person| Some((person.id, *person.passwords().last()?)));
        let hash = match present {
            Some((owner, id)) => self.store.secret("password", tenant, owner, id).await?,
            None => None,
        };
        let is_right =
            self.hasher.is_of(passwords::normalized(said), hash.as_deref().and_then(Hash::from_bytes)).await?;
        Ok(present.map(|(_, id)| id).filter(|_| is_right))
    }

    /// The id under which a new password of somebody is kept: the one it had, where it is among the last, for the book to refuse.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn new_password(&self, tenant: Tenant, person: &Person, password: String) -> Result<Uuid, ApiError> {
        for id in person.passwords() {
            let hash = self.store.secret("password", tenant, person.id, id).await?;
            let hash = hash.as_deref().and_then(Hash::from_bytes);
            if hash.is_some() && self.hasher.is_of(password.clone(), hash).await? {
                return Ok(id);
            }
        }
        let hash = self.hasher.hash(password).await?;
        Ok(self.store.keep("password", tenant, person.id, &hash.bytes()).await?)
    }

    /// Insists on a second factor where the person has one. The book says whether a code serves, once.
    ///
    /// # Errors
    /// 401 saying that one is needed, or was used; [`wrong`](refusals::invalid_credentials) where it is not right.
    pub async fn second(&self, tenant: Tenant, person: &Person, codes: Codes<'_>) -> Result<Second, ApiError> {
        if !person.has_factor() {
            return Ok(Second::None);
        }
        let at = format!("credentials/{}", person.id);
        match codes {
            Codes { code: Some(code), .. } => {
                let step =
                    self.seed(tenant, person, person.totp()).await?.and_then(|seed| seed.step(code, totp::now()));
                let Some(step) = step else { return Err(self.failed(tenant, person).await) };
                match self.desk.give(tenant, &format!("{at}/accept_code"), &json!({ "step": step })).await {
                    Err(no) if no.is("CODE_REUSED") => {
                        security("totp.replayed", tenant, Some(person.id));
                        Err(refusals::code_reused())
                    }
                    given => Ok(given.map(|_| Second::Code)?),
                }
            }
            Codes { credential: Some(said), .. } => {
                let shown = self.passkey_shown(said).await?;
                match (shown.tenant, shown.owner, Some(shown.id)) == (tenant, person.id, person.passkey()) {
                    true => Ok(Second::Passkey { is_synced: shown.is_synced }),
                    false => Err(self.failed(tenant, person).await),
                }
            }
            Codes { recovery_code: Some(code), .. } => {
                let shown = self.store.shown(&tokens::typed(code), &["recovery"]).await?;
                let shown = shown.filter(|shown| (shown.tenant, shown.owner) == (tenant, person.id));
                let Some(shown) = shown else { return Err(self.failed(tenant, person).await) };
                match self.desk.give(tenant, &format!("{at}/use_recovery_code"), &json!({ "code": shown.id })).await {
                    Err(no) if no.is("UNKNOWN_RECOVERY_CODE") => {
                        security("recovery_code.replayed", tenant, Some(person.id));
                        Err(self.failed(tenant, person).await)
                    }
                    given => Ok(given.map(|_| Second::Code)?),
                }
            }
            _ => Err(refusals::second_factor_required()),
        }
    }

    /// A seed of somebody.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn seed(&self, tenant: Tenant, person: &Person, id: Option<Uuid>) -> Result<Option<Seed>, ApiError> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.store.secret("totp", tenant, person.id, id).await?.map(Seed::from_bytes))
    }

    /// Has the book count a failure, and says no.
    pub async fn failed(&self, tenant: Tenant, person: &Person) -> ApiError {
        if let Err(no) = self.desk.give(tenant, &format!("users/{}/fail_login", person.id), &json!({})).await
            && !no.is("INVALID_TRANSITION")
        {
            tracing::error!(?no, "a failure to sign in was not counted");
        }
        refusals::invalid_credentials()
    }

    /// Whether somebody of that tenant needs a second factor.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn mfa_required(&self, tenant: Tenant) -> Result<bool, ApiError> {
        let said = self.store.organization_of(tenant).await?.is_some_and(|organization| organization.mfa_required);
        Ok(said || self.settings.mfa_required)
    }

    /// Waits until the views show what a command has done, and answers with where it stands.
    pub async fn shown(&self, receipt: &Receipt) {
        self.store.passed(&receipt.position).await;
    }

    /// The ways in which a person showed who it is when a session began that `receipt` is of. They never change, so a view that
    /// has the session says them; one that does not have it yet is waited for.
    ///
    /// # Errors
    /// When Postgres is away. Where the view is late they are none: less is permitted by them, until the next refresh.
    pub async fn ways(&self, tenant: Tenant, session: Uuid, receipt: &Receipt) -> Result<Vec<String>, ApiError> {
        if let Some(ways) = self.store.ways(tenant, session).await? {
            return Ok(ways);
        }
        self.shown(receipt).await;
        Ok(self.store.ways(tenant, session).await?.unwrap_or_default())
    }

    /// The address that the account has.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn address(&self, tenant: Tenant, person: &Person) -> Result<String, ApiError> {
        let mut address = person.user["email"].clone();
        match self.ring(tenant, [&address]).await?.open_json(tenant, &mut address) {
            Ok(()) => Ok(address.as_str().unwrap_or_default().to_owned()),
            Err(error) => {
                tracing::error!(%error, "the address of an account cannot be opened");
                Err(ApiError::internal())
            }
        }
    }

    /// The keys to open these values with.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn ring(&self, tenant: Tenant, sealed: impl IntoIterator<Item = &Value>) -> Result<Ring, ApiError> {
        let mut keys = BTreeSet::new();
        sealed.into_iter().for_each(|value| keys_in(value, &mut keys));
        let found = self.vault.ring(keys.into_iter().map(|key| (tenant, key))).await;
        found.map_err(|error| {
            tracing::error!(%error, "personal data cannot be opened; see docs/runbooks/keys.md");
            ApiError::unavailable("the keys of personal data are not there at present", KEYLESS)
        })
    }

    /// Sends a mail without letting anybody wait for it.
    pub fn send(&self, mail: Mail) {
        let mailer = self.mailer.clone();
        tokio::spawn(async move {
            if let Err(error) = mailer.send(mail).await {
                tracing::error!(%error, "a mail was not sent");
            }
        });
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<App> for Arc<Authenticator> {
    fn from_ref(app: &App) -> Self {
        app.authenticator.clone()
    }
}
