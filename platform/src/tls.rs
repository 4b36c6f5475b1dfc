//! TLS between us and our clients, and between our own services: version 1.3 and no other, by rustls and AWS-LC.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::files::{FileError, OfFiles};
use crate::sections::{Http, Services};

/// The protocol we speak inside of TLS.
const HTTP_1_1: &[u8] = b"http/1.1";

/// What a service shows to its clients, and whose certificates it believes; none if the settings name no certificate.
///
/// # Errors
/// A file is named without the other, or cannot be used.
pub(crate) fn server(settings: &Http) -> Result<Option<OfFiles<ServerConfig>>, FileError> {
    let (certificate, key) = match (&settings.certificate_file, &settings.key_file) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (Some(alone), None) => return Err(FileError::new(alone, "http.certificate_file needs http.key_file")),
        (None, Some(alone)) => return Err(FileError::new(alone, "http.key_file needs http.certificate_file")),
    };
    let authority = settings.client_ca_file.clone();
    let files = [Some(certificate.clone()), Some(key.clone()), authority.clone()].into_iter().flatten().collect();
    let make = move || {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| FileError::new(&certificate, error))?;
        let builder = match &authority {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                // People come without a certificate. Who shows one is a service, or is turned away.
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authority)?), provider());
                let verifier = verifier.allow_unauthenticated().build();
                builder.with_client_cert_verifier(verifier.map_err(|error| FileError::new(authority, error))?)
            }
        };
        let mut config = builder
            .with_single_cert(chain(&certificate)?, private_key(&key)?)
            .map_err(|error| FileError::new(&certificate, error))?;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(config)
    };
    OfFiles::new(files, make).map(Some)
}

/// Whom a service believes when it calls another of ours, and what it shows there.
///
/// # Errors
/// A file cannot be used.
pub(crate) fn client(settings: &Services) -> Result<ClientConfig, FileError> {
    let nowhere = Path::new("services");
    let authorities = settings.ca_file.as_deref().map(roots).transpose()?.unwrap_or_else(RootCertStore::empty);
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| FileError::new(nowhere, error))?
        .with_root_certificates(authorities);
    match (&settings.certificate_file, &settings.key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(chain(certificate)?, private_key(key)?)
            .map_err(|error| FileError::new(certificate, error)),
        (Some(alone), None) => Err(FileError::new(alone, "services.certificate_file needs services.key_file")),
        (None, Some(alone)) => Err(FileError::new(alone, "services.key_file needs services.certificate_file")),
    }
}

/// Whom we believe when we call systems of others: the authorities that this machine trusts, at 1.2 too, which many still speak.
///
/// # Errors
/// TLS cannot be spoken.
pub(crate) fn abroad() -> Result<ClientConfig, FileError> {
    let mut authorities = RootCertStore::empty();
    // Those that cannot be read are trusted by nobody; without any, every call fails and says so.
    authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| FileError::new(Path::new("abroad"), error))?;
    Ok(builder.with_root_certificates(authorities).with_no_client_auth())
}

/// The files that these settings name.
pub(crate) fn files_of(settings: &Services) -> Vec<PathBuf> {
    [&settings.ca_file, &settings.certificate_file, &settings.key_file].into_iter().flatten().cloned().collect()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| FileError::new(path, error))?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| FileError::new(path, error))?;
    if chain.is_empty() { Err(FileError::new(path, "holds no certificate in PEM")) } else { Ok(chain) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| FileError::new(path, error))
}

fn roots(path: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        roots.add(certificate).map_err(|error| FileError::new(path, error))?;
    }
    Ok(roots)
}
