//! The issuer's public keys (RFC 7517), from a file or over HTTP, kept and read again when they change.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet, PublicKeyUse};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Largest set of keys that is read, in bytes.
const LARGEST: usize = 256 * 1024;

/// Why the issuer's keys are not known.
#[derive(Debug, thiserror::Error)]
#[error("auth.jwks: the issuer's keys at {place} cannot be used: {reason}")]
pub struct JwksError {
    /// The file path or URL of the settings.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

/// The keys by their id, and the generation they belong to; a new generation makes what was verified before void.
#[derive(Default)]
pub(crate) struct KeySet {
    pub generation: u64,
    keys: HashMap<String, DecodingKey>,
}

impl KeySet {
    pub fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.get(kid)
    }
}

/// Where the keys come from.
enum Place {
    File(PathBuf),
    Http { url: String, client: reqwest::Client },
}

impl Place {
    /// How often keys are read again although every token's key is known, so that a withdrawn key goes.
    fn often(&self) -> Duration {
        match self {
            Self::File(_) => Duration::from_secs(1), // a look at its date
            Self::Http { .. } => Duration::from_secs(60),
        }
    }

    /// The least time between two readings for a missing key, so that forged key ids are no lever against the issuer.
    fn seldom(&self) -> Duration {
        match self {
            Self::File(_) => Duration::from_millis(100),
            Self::Http { .. } => Duration::from_secs(1),
        }
    }
}

impl Last {
    fn is_due(&self, least: Duration) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() >= least)
    }
}

/// The issuer's keys as last read.
pub(crate) struct Jwks {
    place: Place,
    current: ArcSwap<KeySet>,
    last: Mutex<Last>,
}

/// When keys were last asked for, and what a file was like then.
struct Last {
    asked: Option<Instant>,
    stamp: Option<(SystemTime, u64)>,
    text: String,
}

impl Jwks {
    /// Reads the keys for the first time.
    pub async fn open(place: &str) -> Result<Self, JwksError> {
        let jwks = Self::at(place)?;
        jwks.read(&mut *jwks.last.lock().await).await?;
        Ok(jwks)
    }

    /// Keys that are read when a token first names one: their issuer may start after us.
    pub fn at(place: &str) -> Result<Self, JwksError> {
        let source = if place.starts_with("http://") {
            let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build();
            Place::Http { url: place.to_owned(), client: client.map_err(|error| wrong(place, error))? }
        } else if place.contains("://") {
            return Err(wrong(place, "only a file path or an http:// URL is supported"));
        } else if place.is_empty() {
            return Err(wrong(place, "name a file path or an http:// URL"));
        } else {
            Place::File(PathBuf::from(place))
        };
        let last = Last { asked: None, stamp: None, text: String::new() };
        Ok(Self { place: source, current: ArcSwap::default(), last: Mutex::new(last) })
    }

    /// The keys as last read. Where they are due to be read again that is done meanwhile: no request waits for it.
    pub fn keys(self: &Arc<Self>) -> Arc<KeySet> {
        if let Ok(last) = self.last.try_lock()
            && last.is_due(self.place.often())
        {
            drop(last);
            let jwks = Arc::clone(self);
            tokio::spawn(async move { jwks.renew(jwks.place.often()).await });
        }
        self.current.load_full()
    }

    /// The keys after a look for one that a token names and that was not among them.
    pub async fn keys_anew(&self) -> Arc<KeySet> {
        self.renew(self.place.seldom()).await;
        self.current.load_full()
    }

    /// Reads the keys again unless that was done less than `least` ago, perhaps by someone this call waited for.
    async fn renew(&self, least: Duration) {
        let mut last = self.last.lock().await;
        if !last.is_due(least) {
            return;
        }
        let outcome = match self.read(&mut last).await {
            Ok(()) => "ok",
            Err(error) => {
                // The keys known so far stay good: an issuer's outage must not lock everyone out.
                tracing::warn!(%error, "the issuer's keys could not be read again");
                "failed"
            }
        };
        ::metrics::counter!("auth_jwks_reads_total", "outcome" => outcome).increment(1);
    }

    async fn read(&self, last: &mut Last) -> Result<(), JwksError> {
        last.asked = Some(Instant::now());
        let (place, text) = match &self.place {
            Place::File(path) => {
                let place = path.display().to_string();
                let meta = tokio::fs::metadata(path).await.map_err(|error| wrong(&place, error))?;
                let stamp = meta.modified().ok().map(|modified| (modified, meta.len()));
                if stamp.is_some() && stamp == last.stamp {
                    return Ok(());
                }
                let text = tokio::fs::read_to_string(path).await.map_err(|error| wrong(&place, error))?;
                last.stamp = stamp;
                (place, text)
            }
            Place::Http { url, client } => (url.clone(), fetch(client, url).await.map_err(|why| wrong(url, why))?),
        };
        if text == last.text {
            return Ok(());
        }
        let keys = parse(&text).map_err(|why| wrong(&place, why))?;
        last.text = text;
        tracing::info!(place, keys = keys.len(), "the issuer's keys are read");
        let generation = self.current.load().generation + 1;
        self.current.store(Arc::new(KeySet { generation, keys }));
        Ok(())
    }
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<String, String> {
    let mut answer = client
        .get(url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(|error| error.without_url().to_string())?;
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
        text.extend_from_slice(&chunk);
        if text.len() > LARGEST {
            return Err(format!("they are larger than {LARGEST} bytes"));
        }
    }
    String::from_utf8(text).map_err(|error| error.to_string())
}

/// The RSA signing keys of a set, by id. Others are passed over, for a set may hold keys for other uses.
fn parse(text: &str) -> Result<HashMap<String, DecodingKey>, String> {
    let set: JwkSet = serde_json::from_str(text).map_err(|error| format!("not a JSON Web Key Set: {error}"))?;
    let mut keys = HashMap::new();
    for key in set.keys {
        let for_signing = key.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
        if let (AlgorithmParameters::RSA(rsa), Some(kid), true) = (&key.algorithm, &key.common.key_id, for_signing) {
            let decoding =
                DecodingKey::from_rsa_components(&rsa.n, &rsa.e).map_err(|error| format!("key {kid}: {error}"))?;
            keys.insert(kid.clone(), decoding);
        }
    }
    if keys.is_empty() { Err("there is no RSA signing key with a kid among them".to_owned()) } else { Ok(keys) }
}

fn wrong(place: &str, reason: impl ToString) -> JwksError {
    JwksError { place: place.to_owned(), reason: reason.to_string() }
}
