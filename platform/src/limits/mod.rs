//! Limits: how many requests a user, a tenant or an address may send, so that nobody takes from others what is there for all.
//!
//! The edge leaves an [`Admission`] with each request. Routes of a class of their own are wrapped by [`classed`]; who is
//! calling is counted where it becomes known, in [`Authenticator::caller`](crate::Authenticator::caller). Answers tell how
//! things stand in the fields of draft-ietf-httpapi-ratelimit-headers-11; a refusal is 429 and has cost nothing.

mod memory;
mod rate;
mod rules;
mod shared;
mod told;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

pub use rate::Rate;
pub use rules::{Class, Profile, Rule, Scope};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::network::{Networks, Peer, counted};
use crate::sections;
use memory::Memory;
use shared::Shared;

/// Why limits cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// The address is none.
    #[error("settings: limits.redis_url cannot be used: {0}")]
    Redis(String),
}

/// The limits of a service: the rules of a profile, and the buckets that they are counted in.
pub struct Limits {
    rules: &'static [Rule],
    shared: Option<Shared>,
    memory: Memory,
    instances: Networks,
}

/// One bucket that a request takes from.
#[derive(Debug, Clone, Copy)]
struct Question {
    rule: &'static Rule,
    /// Whose bucket.
    subject: u128,
    /// What the buckets of one request have in common.
    group: u128,
}

/// What the buckets of a request say.
#[derive(Debug)]
struct Verdict {
    admitted: bool,
    /// How long until each is full again, in microseconds.
    debts: Vec<u64>,
}

impl Limits {
    /// The limits of the settings. Redis, where one is set, is not asked for yet.
    ///
    /// # Errors
    /// Its address is none.
    pub fn new(settings: &sections::Limits) -> Result<Arc<Self>, LimitsError> {
        Self::with(settings.profile.rules(), settings)
    }

    /// The limits of these rules, whatever profile the settings name.
    ///
    /// # Errors
    /// As [`Limits::new`].
    pub fn with(rules: &'static [Rule], settings: &sections::Limits) -> Result<Arc<Self>, LimitsError> {
        let shared =
            settings.redis_url.as_deref().map(|url| Shared::new(url, settings.redis_password.as_ref())).transpose()?;
        Ok(Arc::new(Self { rules, shared, memory: Memory::new(), instances: settings.instances.clone() }))
    }

    /// The admission of a request; none for what one of our own instances forwards, since it was counted there.
    pub(crate) fn admission(self: &Arc<Self>, peer: Option<Peer>, address: Option<IpAddr>) -> Option<Arc<Admission>> {
        let is_ours = peer.is_some_and(|peer| peer.is_service || self.instances.hold(peer.address.ip()));
        let admission = || Admission { limits: self.clone(), address, so_far: Mutex::default() };
        (!is_ours).then(|| Arc::new(admission()))
    }

    async fn ask(&self, questions: &[Question]) -> Verdict {
        if let Some(shared) = &self.shared
            && let Some(verdict) = shared.ask(questions).await
        {
            return verdict;
        }
        self.memory.ask(questions)
    }
}

tokio::task_local! {
    static CURRENT: Arc<Admission>;
}

/// What the request being answered was counted for so far.
pub struct Admission {
    limits: Arc<Limits>,
    address: Option<IpAddr>,
    so_far: Mutex<SoFar>,
}

#[derive(Default)]
struct SoFar {
    class: Class,
    /// Scopes that were asked already: a request is counted once, however often its caller is looked at.
    asked: Vec<Scope>,
    standing: Vec<(&'static Rule, u64)>,
}

impl Admission {
    /// Runs the answering of the request.
    pub(crate) async fn during<T>(self: &Arc<Self>, answering: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), answering).await
    }

    /// Tells a client how it stands.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        told::tell(&self.so_far.lock().unwrap_or_else(PoisonError::into_inner).standing, headers);
    }

    async fn ask(&self, subjects: &[(Scope, u128)], group: u128) -> Result<(), ApiError> {
        let questions: Vec<Question> = {
            let mut so_far = self.so_far.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh: Vec<_> = subjects.iter().filter(|(scope, _)| !so_far.asked.contains(scope)).collect();
            so_far.asked.extend(fresh.iter().map(|(scope, _)| scope));
            let class = so_far.class;
            let of = |(scope, subject): &(Scope, u128)| {
                let counting = self.limits.rules.iter().filter(|rule| rule.counts(*scope, class));
                counting.map(|rule| Question { rule, subject: *subject, group }).collect::<Vec<_>>()
            };
            fresh.into_iter().flat_map(of).collect()
        };
        if questions.is_empty() {
            return Ok(());
        }
        let verdict = self.limits.ask(&questions).await;
        let standing = questions.iter().map(|question| question.rule).zip(verdict.debts.iter().copied());
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner).standing.extend(standing);
        if verdict.admitted {
            return Ok(());
        }
        let waits = questions
            .iter()
            .zip(&verdict.debts)
            .map(|(question, debt)| (question.rule, question.rule.rate.wait(*debt)));
        let Some((rule, wait)) = waits.max_by_key(|(_, wait)| *wait) else { return Ok(()) };
        ::metrics::counter!("daybook_limits_refused_total", "rule" => rule.name).increment(1);
        Err(refused(rule, wait))
    }
}

/// 429, naming the rule.
fn refused(rule: &Rule, wait: Duration) -> ApiError {
    let whose = match rule.scope {
        Scope::User => "of this user",
        Scope::Tenant => "of this tenant",
        Scope::Address => "from this address",
        Scope::Stranger => "without a valid token from this address",
    };
    let Rate { quota, window_s } = rule.rate;
    let message = format!("more than {quota} requests {whose} in {window_s} s (limit {}); nothing was done", rule.name);
    ApiError::too_many_requests(message, wait)
}

/// Puts routes into a class: sign-in takes `classed(Class::Login, routes)`. Call it before the edge is put around them.
pub fn classed<S: Clone + Send + Sync + 'static>(class: Class, routes: Router<S>) -> Router<S> {
    routes.layer(from_fn_with_state(class, enter))
}

async fn enter(State(class): State<Class>, request: Request, next: Next) -> Response {
    let Ok(admission) = CURRENT.try_with(Arc::clone) else { return next.run(request).await };
    admission.so_far.lock().unwrap_or_else(PoisonError::into_inner).class = class;
    if let Some(address) = admission.address {
        let subject = counted(address);
        if let Err(error) = admission.ask(&[(Scope::Address, subject)], subject).await {
            return error.into_response();
        }
    }
    next.run(request).await
}

/// Counts the request for its caller. What acts for the platform itself (operators, policies) is not counted.
///
/// # Errors
/// 429 when the user or the tenant has none left.
pub(crate) async fn count(caller: &Caller) -> Result<(), ApiError> {
    match CURRENT.try_with(Arc::clone) {
        Ok(admission) if !caller.is_platform() => {
            let (user, tenant) = (caller.user.as_u128(), caller.tenant.as_u128());
            admission.ask(&[(Scope::User, user), (Scope::Tenant, tenant)], tenant).await
        }
        _ => Ok(()),
    }
}

/// Counts the request for its address, since nobody is known to have sent it.
///
/// # Errors
/// 429 when the address has none left.
pub(crate) async fn count_stranger() -> Result<(), ApiError> {
    match CURRENT.try_with(Arc::clone) {
        Ok(admission) => match admission.address {
            Some(address) => admission.ask(&[(Scope::Stranger, counted(address))], counted(address)).await,
            None => Ok(()),
        },
        Err(_) => Ok(()),
    }
}
