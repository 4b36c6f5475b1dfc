//! An identity provider: a system elsewhere that vouches for users of the tenant.
//!
//! It is tried before it is used, and vouches only for addresses of domains that are proved to be the tenant's. That two
//! tenants do not claim the same domain is for the books of the platform to see.

use daybook_kernel::{
    Aggregate, Body, Book, Choice, Commands, Context, Decision, Events, Line, Record, Rejection, Rule, Time, Unique,
    accept, nothing, reject, value::LIST_MAX,
};
use uuid::Uuid;

pub use admission::{Admission, Mapped, SecondFactor};

mod admission;
#[cfg(test)]
mod scenarios;

/// A system elsewhere that vouches for users.
#[derive(Debug, Clone, PartialEq, Record)]
#[record(context = "identity", plural = "identity_providers", path = "identity-providers", events = "idp")]
pub struct IdentityProvider {
    /// Where it stands.
    #[view(filter, facet)]
    pub status: Status,
    /// What it is called on the page where people sign in.
    #[view(sort, search)]
    pub name: Line<120>,
    /// How it is spoken to.
    #[view(filter, facet)]
    pub protocol: Protocol,
    /// Where it is: the issuer (OpenID Connect), the entity (SAML) or the address of the directory (LDAP).
    pub endpoint: Line<400>,
    /// As whom it knows us.
    pub client: Line<200>,
    /// The id under which the vault keeps what we show it.
    pub secret: Option<Uuid>,
    /// The certificate it signs with.
    pub certificate: Option<Certificate>,
    /// The e-mail domains whose users it vouches for.
    pub domains: Vec<Claim>,
    /// What the last run over its directory did.
    pub last_sync: Option<Sync>,
    /// How people come in by it; nobody does before it is said.
    pub admission: Option<Admission>,
}

/// Where an identity provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Status {
    /// Described, not tried.
    Draft,
    /// Tried: it works.
    Tested,
    /// In use.
    Enabled,
    /// Out of use for a time.
    Disabled,
}

/// How an identity provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Protocol {
    /// OpenID Connect.
    Oidc,
    /// SAML 2.0.
    Saml,
    /// LDAP, also Active Directory.
    Ldap,
}

/// How a provider is reached.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Configuration {
    /// What it is called on the page where people sign in.
    pub name: Line<120>,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Where it is.
    pub endpoint: Line<400>,
    /// As whom it knows us.
    pub client: Line<200>,
    /// The id under which the vault keeps what we show it.
    pub secret: Option<Uuid>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Test {
    /// Whether somebody could sign in by it.
    pub passed: bool,
    /// What it said.
    pub note: Option<Line<400>>,
}

/// A certificate that a provider signs with.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Certificate {
    /// The id under which the vault keeps it.
    pub certificate: Uuid,
    /// Until when it holds.
    pub expires_at: Time,
}

/// An e-mail domain, such as `example.org`.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Domain {
    /// The domain.
    pub domain: Line<253>,
}

/// An e-mail domain, and whether it is proved to be the tenant's.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Claim {
    /// The domain.
    pub domain: Line<253>,
    /// Whether the domain name system says so.
    pub is_verified: bool,
}

/// A run over a directory: how many users it concerned.
#[derive(Debug, Clone, PartialEq, Body)]
pub struct Sync {
    /// So many users were new.
    pub created: u32,
    /// So many were changed.
    pub updated: u32,
    /// So many are gone there.
    pub disabled: u32,
}

/// What may be asked of an identity provider.
#[derive(Debug, Clone, Commands)]
pub enum Command {
    /// Describes a provider.
    Configure(Configuration),
    /// Describes it anew; it has to be tried again.
    Reconfigure(Configuration),
    /// Claims an e-mail domain for the tenant.
    ClaimDomain(Domain),
    /// Notes that the domain name system proves the claim.
    VerifyDomain(Domain),
    /// Gives up a claim.
    ReleaseDomain(Domain),
    /// Notes what came of a test.
    Test(Test),
    /// Takes it into use, once it was tried and its domains are proved.
    Enable,
    /// Takes it out of use; it can be taken into use again.
    Disable,
    /// Gives it the certificate it signs with from now on.
    RotateCertificate(Certificate),
    /// Notes what a run over its directory did.
    RunDirectorySync(Sync),
    /// Says how people come in by it, all of it.
    SetAdmission(Admission),
}

/// What may have happened to an identity provider.
#[derive(Debug, Clone, PartialEq, Events)]
pub enum Event {
    /// It was described.
    Configured(Configuration),
    /// It was described anew.
    Reconfigured(Configuration),
    /// An e-mail domain was claimed.
    DomainClaimed(Domain),
    /// The claim was proved.
    DomainVerified(Domain),
    /// The claim was given up.
    DomainReleased(Domain),
    /// It was tried.
    Tested(Test),
    /// It was taken into use.
    Enabled,
    /// It was taken out of use.
    Disabled,
    /// It signs with another certificate.
    CertificateRotated(Certificate),
    /// Its directory was gone over.
    DirectorySynced(Sync),
    /// How people come in by it was said.
    AdmissionSet(Admission),
}

impl Aggregate for IdentityProvider {
    type Status = Status;
    type Command = Command;
    type Event = Event;

    fn status(&self) -> Status {
        self.status
    }

    fn rule(kind: Kind) -> Rule<Status> {
        use Status::{Disabled, Draft, Enabled, Tested};
        match kind {
            Kind::Configure => Rule::create().to(&[Draft]).may("idp:configure"),
            Kind::Reconfigure => Rule::from(&[Draft, Tested, Disabled]).to(&[Draft]).may("idp:configure"),
            Kind::ClaimDomain | Kind::ReleaseDomain => Rule::from(&[Draft, Tested, Disabled]).may("idp:configure"),
            Kind::VerifyDomain => Rule::from(&[Draft, Tested, Disabled]).may("idp:test"),
            Kind::Test => Rule::from(&[Draft, Tested, Disabled]).to(&[Draft, Tested]).may("idp:test"),
            Kind::Enable => Rule::from(&[Tested, Disabled]).to(&[Enabled]).may("idp:enable"),
            Kind::Disable => Rule::from(&[Enabled]).to(&[Disabled]).may("idp:enable"),
            Kind::RotateCertificate | Kind::SetAdmission => {
                Rule::from(&[Draft, Tested, Enabled, Disabled]).may("idp:configure")
            }
            Kind::RunDirectorySync => Rule::from(&[Enabled]).may("idp:sync"),
        }
    }

    fn decide(this: Option<&Self>, command: Command, book: &Book<'_>, context: &Context<'_>) -> Decision<Event> {
        let Some(this) = this else {
            return match command {
                Command::Configure(configuration) => accept(Event::Configured(configuration)),
                _ => Err(Rejection::not_found("identity provider")),
            };
        };
        match command {
            Command::Configure(_) => reject("ALREADY_EXISTS", "the provider exists already"),
            Command::Reconfigure(asked) if asked == this.configuration() => match this.status {
                // What is described as before needs no other test.
                Status::Draft => nothing(),
                _ => accept(Event::Reconfigured(asked)),
            },
            Command::Reconfigure(asked) => accept(Event::Reconfigured(asked)),
            Command::ClaimDomain(asked) if this.claim(&asked).is_some() => nothing(),
            Command::ClaimDomain(_) if this.domains.len() >= LIST_MAX => {
                reject("TOO_MANY_DOMAINS", format!("a provider vouches for at most {LIST_MAX} domains"))
            }
            Command::ClaimDomain(asked) => accept(Event::DomainClaimed(asked)),
            Command::VerifyDomain(asked) => match this.claim(&asked) {
                Some(claim) if claim.is_verified => nothing(),
                Some(_) => accept(Event::DomainVerified(asked)),
                None => Err(Rejection::unprocessable("UNKNOWN_DOMAIN", "the domain was not claimed")
                    .field("domain", "must be a domain that was claimed")),
            },
            Command::ReleaseDomain(asked) if this.claim(&asked).is_none() => nothing(),
            Command::ReleaseDomain(asked) => accept(Event::DomainReleased(asked)),
            Command::Test(test) => accept(Event::Tested(test)),
            Command::Enable => match this.domains.iter().find(|claim| !claim.is_verified) {
                None => accept(Event::Enabled),
                Some(claim) => {
                    let domain = claim.domain.as_str();
                    reject("DOMAIN_NOT_VERIFIED", format!("nothing proves yet that {domain} is this organisation's"))
                }
            },
            Command::Disable => accept(Event::Disabled),
            Command::RotateCertificate(asked) if this.certificate.as_ref() == Some(&asked) => nothing(),
            Command::RotateCertificate(asked) if asked.expires_at <= context.now => {
                Err(Rejection::unprocessable("EXPIRED_ALREADY", "the certificate holds no longer")
                    .field("expires_at", "must lie in the future"))
            }
            Command::RotateCertificate(asked) => accept(Event::CertificateRotated(asked)),
            Command::RunDirectorySync(sync) => accept(Event::DirectorySynced(sync)),
            Command::SetAdmission(asked) if this.admission.as_ref() == Some(&asked) => nothing(),
            Command::SetAdmission(asked) => {
                asked.may_be_declared(book, context)?;
                accept(Event::AdmissionSet(asked))
            }
        }
    }

    fn begin(event: &Event) -> Option<Self> {
        let Event::Configured(Configuration { name, protocol, endpoint, client, secret }) = event.clone() else {
            return None;
        };
        Some(Self {
            status: Status::Draft,
            name,
            protocol,
            endpoint,
            client,
            secret,
            certificate: None,
            domains: Vec::new(),
            last_sync: None,
            admission: None,
        })
    }

    fn evolve(&mut self, event: &Event) {
        match event.clone() {
            Event::Configured(_) => {}
            Event::Reconfigured(Configuration { name, protocol, endpoint, client, secret }) => {
                (self.name, self.protocol, self.endpoint, self.client) = (name, protocol, endpoint, client);
                (self.status, self.secret) = (Status::Draft, secret);
            }
            Event::DomainClaimed(Domain { domain }) => self.domains.push(Claim { domain, is_verified: false }),
            Event::DomainVerified(asked) => {
                self.domains.iter_mut().filter(|claim| same(claim, &asked)).for_each(|claim| claim.is_verified = true);
            }
            Event::DomainReleased(asked) => self.domains.retain(|claim| !same(claim, &asked)),
            Event::Tested(Test { passed, .. }) => {
                self.status = if passed { Status::Tested } else { Status::Draft };
            }
            Event::Enabled => self.status = Status::Enabled,
            Event::Disabled => self.status = Status::Disabled,
            Event::CertificateRotated(certificate) => self.certificate = Some(certificate),
            Event::DirectorySynced(sync) => self.last_sync = Some(sync),
            Event::AdmissionSet(admission) => self.admission = Some(admission),
        }
    }

    fn unique(&self) -> Vec<Unique> {
        self.domains.iter().map(|claim| Unique::new("domain", folded(&claim.domain))).collect()
    }
}

impl IdentityProvider {
    fn claim(&self, asked: &Domain) -> Option<&Claim> {
        self.domains.iter().find(|claim| same(claim, asked))
    }

    fn configuration(&self) -> Configuration {
        Configuration {
            name: self.name.clone(),
            protocol: self.protocol,
            endpoint: self.endpoint.clone(),
            client: self.client.clone(),
            secret: self.secret,
        }
    }
}

fn same(claim: &Claim, asked: &Domain) -> bool {
    folded(&claim.domain) == folded(&asked.domain)
}

/// Domains have no case, and a dot at the end says nothing.
fn folded(domain: &Line<253>) -> String {
    domain.as_str().trim().trim_end_matches('.').to_lowercase()
}
