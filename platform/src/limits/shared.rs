//! The buckets that all instances share, in Redis (or what speaks its protocol). While it is away each instance counts for
//! itself: a limit is then one for each instance, and nobody is refused for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, Script};

use super::{LimitsError, Question, Verdict};
use crate::secret::Secret;

/// How long an answer of Redis is waited for. It gives one in a tenth of a millisecond; beyond this it is away.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long Redis is not asked again after it was away.
const PAUSE: Duration = Duration::from_secs(1);

/// Buckets in Redis.
pub(super) struct Shared {
    client: Client,
    script: Script,
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// Until when it is not asked.
    away_until: Mutex<Option<Instant>>,
    is_away: AtomicBool,
}

impl Shared {
    /// Nothing is asked of Redis yet: a service starts without it.
    pub fn new(url: &str, password: Option<&Secret>) -> Result<Self, LimitsError> {
        let wrong = |error: RedisError| LimitsError::Redis(error.to_string());
        let info = redis::IntoConnectionInfo::into_connection_info(url).map_err(wrong)?;
        let info = match password {
            Some(password) => {
                let settings = info.redis_settings().clone().set_password(password.expose());
                info.set_redis_settings(settings)
            }
            None => info,
        };
        Ok(Self {
            client: Client::open(info).map_err(wrong)?,
            script: Script::new(include_str!("shared.lua")),
            connection: tokio::sync::Mutex::default(),
            away_until: Mutex::default(),
            is_away: AtomicBool::new(false),
        })
    }

    /// Takes one from each bucket, or from none if one of them has none left; `None` while Redis is away.
    pub async fn ask(&self, questions: &[Question]) -> Option<Verdict> {
        let may_ask = |away_until: &Option<Instant>| away_until.is_none_or(|until| Instant::now() >= until);
        if !may_ask(&self.away_until.lock().unwrap_or_else(PoisonError::into_inner)) {
            return None;
        }
        let answer = match tokio::time::timeout(PATIENCE, self.try_ask(questions)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} ms", PATIENCE.as_millis())),
        };
        match answer {
            Ok(verdict) => {
                self.is_there();
                Some(verdict)
            }
            Err(reason) => {
                self.is_gone(&reason).await;
                None
            }
        }
    }

    async fn try_ask(&self, questions: &[Question]) -> Result<Verdict, RedisError> {
        let mut connection = self.connected().await?;
        let mut call = self.script.prepare_invoke();
        for question in questions {
            // What stands in braces says to a cluster where a key lies: all of one request in one place.
            call.key(format!("daybook:limit:{{{:x}}}:{}:{:x}", question.group, question.rule.name, question.subject));
            call.arg(question.rule.rate.interval()).arg(question.rule.rate.capacity());
        }
        let answer: Vec<u64> = call.invoke_async(&mut connection).await?;
        match answer.split_first() {
            Some((admitted, debts)) if debts.len() == questions.len() => {
                Ok(Verdict { admitted: *admitted == 1, debts: debts.to_vec() })
            }
            _ => Err((redis::ErrorKind::UnexpectedReturnType, "the script's answer is another one").into()),
        }
    }

    async fn connected(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = connection.as_ref() {
            return Ok(connection.clone());
        }
        let new = self.client.get_multiplexed_async_connection().await?;
        Ok(connection.insert(new).clone())
    }

    fn is_there(&self) {
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!("Redis is back: limits are shared between instances again");
        }
        ::metrics::gauge!("daybook_limits_shared").set(1.0);
    }

    /// One log line for each outage, however many requests meet it.
    async fn is_gone(&self, reason: &str) {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
        *self.connection.lock().await = None;
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "Redis is away: until it is back, this instance keeps limits by itself");
        }
        ::metrics::gauge!("daybook_limits_shared").set(0.0);
        ::metrics::counter!("daybook_limits_fallbacks_total").increment(1);
    }
}
