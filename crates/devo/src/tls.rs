//! TLS: our certificate, and the one chain that we trust.

use std::{path::Path, sync::Arc};

use rustls::{ClientConfig, ConfigBuilder, RootCertStore, client::WantsClientCert};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::DevoError;

/// The three files that Devo hands out for a domain.
#[derive(Clone, Debug)]
pub struct Identity<'a> {
    /// The certificates that the server's own must descend from; nothing else is trusted.
    pub chain: &'a Path,
    /// The client certificate of the domain.
    pub cert: &'a Path,
    /// Its private key.
    pub key: &'a Path,
}

/// A TLS client for TLS 1.2 and 1.3 that shows `identity` and always verifies the server against its chain.
///
/// A file that is missing or wrong is an error, never a weaker connection. Sessions are resumed, so that
/// rotating connections stays cheap.
pub fn client_config(identity: &Identity<'_>) -> Result<Arc<ClientConfig>, DevoError> {
    let builder = trusting(identity.chain)?;
    let certificates = certificates("the certificate", identity.cert)?;
    let key = PrivateKeyDer::from_pem_file(identity.key).map_err(|source| DevoError::ReadPem {
        what: "the private key",
        path: identity.key.into(),
        source,
    })?;
    let config = builder
        .with_client_auth_cert(certificates, key)
        .map_err(|source| DevoError::Tls { what: "the certificate with its private key", source })?;
    Ok(Arc::new(config))
}

/// The same without a certificate of our own, for a server that asks for none.
pub fn anonymous_config(chain: &Path) -> Result<Arc<ClientConfig>, DevoError> {
    Ok(Arc::new(trusting(chain)?.with_no_client_auth()))
}

fn trusting(chain: &Path) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, DevoError> {
    let roots = roots(certificates("the chain", chain)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| DevoError::Tls { what: "the TLS provider", source })?;
    Ok(builder.with_root_certificates(roots))
}

/// What is trusted: the certificates of the chain, all of them.
pub(crate) fn roots(chain: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<RootCertStore, DevoError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain {
        roots.add(certificate).map_err(|source| DevoError::Tls { what: "the chain", source })?;
    }
    Ok(roots)
}

pub(crate) fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, DevoError> {
    let error = |source| DevoError::ReadPem { what, path: path.into(), source };
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(error)?.collect::<Result<_, _>>().map_err(error)?;
    if certificates.is_empty() {
        return Err(DevoError::NoCertificate { path: path.into() });
    }
    Ok(certificates)
}
