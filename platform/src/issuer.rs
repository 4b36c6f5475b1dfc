//! An issuer: signs access tokens. Sign-in is one, with keys of its own keeping; the development issuer is another, whose key
//! lies in a folder. Never use that one where data matters.
//!
//! The folder holds `key.pem` (the private key, readable by its owner only) and `jwks.json` (the public key, which services
//! read).

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use uuid::Uuid;

use crate::auth::Claims;
use crate::sections::Auth;

/// Why the development issuer cannot do as asked.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// There is a key already; a new one would make every token out there void.
    #[error("{0} exists already; remove it first if every token signed with it may become void")]
    KeyExists(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The key is not usable.
    #[error("the key in {path} cannot be used: {reason}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The development issuer with its key.
pub struct Issuer {
    key: EncodingKey,
    kid: String,
    issuer: String,
    audience: String,
}

#[derive(Serialize)]
struct Signed<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    #[serde(flatten)]
    claims: Claims,
}

impl Issuer {
    /// Makes an RSA key of 2048 bits in `folder`, and the folder if need be. Refuses to overwrite a key.
    pub fn init(folder: &Path) -> Result<(), IssuerError> {
        let (key_path, jwks_path) = (folder.join("key.pem"), folder.join("jwks.json"));
        let unusable = |reason: String| IssuerError::Key { path: key_path.clone(), reason };
        fs::create_dir_all(folder).map_err(|source| IssuerError::File { path: folder.to_owned(), source })?;
        if key_path.exists() {
            return Err(IssuerError::KeyExists(key_path));
        }
        let (pem, jwk) = fresh_key().map_err(unusable)?;
        let jwks =
            serde_json::to_string_pretty(&JwkSet { keys: vec![jwk] }).map_err(|error| unusable(error.to_string()))?;

        // The key first: without it, public keys would promise tokens that nobody can sign.
        write_new(&key_path, &pem, 0o600)?;
        fs::write(&jwks_path, jwks + "\n").map_err(|source| IssuerError::File { path: jwks_path, source })
    }

    /// Opens the issuer whose key [`Issuer::init`] made, to sign for the issuer and audience of the settings.
    pub fn open(folder: &Path, settings: &Auth) -> Result<Self, IssuerError> {
        let path = folder.join("key.pem");
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(source) => return Err(IssuerError::File { path, source }),
        };
        Self::with_key(&pem, &settings.issuer, &settings.audience).map_err(|reason| IssuerError::Key { path, reason })
    }

    /// An issuer of that name with this private key (PEM), whose tokens are for that audience.
    ///
    /// # Errors
    /// What is wrong with the key.
    pub fn with_key(pem: &str, issuer: &str, audience: &str) -> Result<Self, String> {
        let kid = public_key(pem)?.common.key_id.unwrap_or_default();
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self { key, kid, issuer: issuer.to_owned(), audience: audience.to_owned() })
    }

    /// Signs a token that holds from now for `lifetime`. A token without an id of its own is given one.
    pub fn mint(&self, mut claims: Claims, lifetime: Duration) -> Result<String, IssuerError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        claims.jti.get_or_insert_with(|| Uuid::now_v7().to_string());
        let signed = Signed { iss: &self.issuer, aud: &self.audience, iat: now, exp: now + lifetime.as_secs(), claims };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &signed, &self.key)
            .map_err(|error| IssuerError::Key { path: PathBuf::from("key.pem"), reason: error.to_string() })
    }
}

/// A fresh RSA key of 2048 bits: its private half as PEM (PKCS #8), and its public half (RFC 7517).
///
/// # Errors
/// Why there is none.
pub fn fresh_key() -> Result<(String, Jwk), String> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|error| error.to_string())?;
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).map_err(|error| error.to_string())?;
    let pem = pem("PRIVATE KEY", der.as_ref());
    let public = public_key(&pem)?;
    Ok((pem, public))
}

/// The public half of a private key; its id is its thumbprint (RFC 7638).
fn public_key(pem: &str) -> Result<Jwk, String> {
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(|error| error.to_string())?;
    jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(|error| error.to_string())?);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(jwk)
}

/// A DER text in PEM (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let mut pem = format!("-----BEGIN {label}-----\n");
    let encoded = STANDARD.encode(der);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem + &format!("-----END {label}-----\n")
}

/// Writes a file that must not exist yet, never readable by others, not even for a moment.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), IssuerError> {
    let written = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => IssuerError::KeyExists(path.to_owned()),
        _ => IssuerError::File { path: path.to_owned(), source },
    })
}
