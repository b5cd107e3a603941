//! A public key infrastructure in memory: everything a mutual-TLS receiver and its clients need, the
//! certificates that must be refused included.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// TLS 1.3 and 1.2: what Devo's receivers speak.
pub const BOTH_VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
/// TLS 1.2 alone: a client certificate is refused within the handshake.
pub const ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];
/// TLS 1.3 alone: a client certificate is refused after the client's handshake has succeeded.
pub const ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];

/// A certificate could not be made, or a TLS configuration not be built with it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The certificate could not be made.
    #[error("cannot make the certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// TLS refuses the certificate or its key.
    #[error("cannot use the certificate: {0}")]
    Use(#[from] rustls::Error),
    /// The clients' authority cannot be used.
    #[error("cannot verify clients: {0}")]
    Verify(#[from] rustls::server::VerifierBuilderError),
}

/// A certificate and its private key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: PrivatePkcs8KeyDer<'static>,
    key_pem: String,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            certificate_pem: self.certificate_pem.clone(),
            key: self.key.clone_key(),
            key_pem: self.key_pem.clone(),
        }
    }
}

impl Identity {
    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Identity {
            certificate_pem: certificate.pem(),
            certificate: certificate.der().clone(),
            key_pem: key.serialize_pem(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        }
    }

    /// A server that vouches for itself.
    pub fn self_signed(hosts: &[&str]) -> Result<Self, CertificateError> {
        let mut params = params("Devo sink", hosts, Validity::LONG)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok(Identity::new(&params.self_signed(&key)?, &key))
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The certificate in DER.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key in PEM (PKCS#8).
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Writes `<name>.crt` and, readable by its owner alone, `<name>.key`.
    pub fn write_to(&self, dir: &Path, name: &str) -> io::Result<()> {
        fs::write(dir.join(format!("{name}.crt")), &self.certificate_pem)?;
        write_private(&dir.join(format!("{name}.key")), &self.key_pem)
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }
}

/// The days within which a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// Year, month and day of its first moment.
    pub from: (i32, u8, u8),
    /// Year, month and day of its last moment.
    pub until: (i32, u8, u8),
}

impl Validity {
    /// Valid at any time a test can run at.
    pub const LONG: Self = Self { from: (2020, 1, 1), until: (2120, 1, 1) };
    /// Over for years.
    pub const OVER: Self = Self { from: (2020, 1, 1), until: (2021, 1, 1) };
    /// Not begun yet.
    pub const TO_COME: Self = Self { from: (2119, 1, 1), until: (2120, 1, 1) };
}

/// A certificate authority: its certificate is a Devo domain's `chain.crt`.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    /// A new authority of that name.
    pub fn new(name: &str) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = params(name, &[], Validity::LONG)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self { pem: certificate.pem(), certificate: certificate.der().clone(), issuer: Issuer::new(params, key) })
    }

    /// The authority's own certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server's certificate for these host names and addresses.
    pub fn server(&self, hosts: &[&str]) -> Result<Identity, CertificateError> {
        self.server_within(hosts, Validity::LONG)
    }

    /// The same, valid within these days.
    pub fn server_within(&self, hosts: &[&str], validity: Validity) -> Result<Identity, CertificateError> {
        let mut params = params("Devo sink", hosts, validity)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// A client's certificate.
    pub fn client(&self, name: &str, validity: Validity) -> Result<Identity, CertificateError> {
        let mut params = params(name, &[], validity)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Identity, CertificateError> {
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity::new(&certificate, &key))
    }

    fn roots(&self) -> Result<RootCertStore, CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone())?;
        Ok(roots)
    }
}

/// A whole set: an authority, its server and client, and everyone who must be turned away.
#[derive(Debug)]
pub struct Pki {
    /// The authority that both ends trust.
    pub authority: Authority,
    /// The server's certificate, for `localhost`, `127.0.0.1` and `::1`.
    pub server: Identity,
    /// A server's certificate of the right authority for another host name.
    pub wrong_host: Identity,
    /// The client's certificate.
    pub client: Identity,
    /// A client's certificate that has expired.
    pub expired: Identity,
    /// A client's certificate that is not valid yet.
    pub early: Identity,
    /// An authority that the server does not trust.
    pub stranger_authority: Authority,
    /// A client of that other authority.
    pub stranger: Identity,
}

impl Pki {
    /// Makes everything anew.
    pub fn new() -> Result<Self, CertificateError> {
        let authority = Authority::new("Testbed CA")?;
        let stranger_authority = Authority::new("Another CA")?;
        Ok(Self {
            server: authority.server(&["localhost", "127.0.0.1", "::1"])?,
            wrong_host: authority.server(&["elsewhere.invalid"])?,
            client: authority.client("client", Validity::LONG)?,
            expired: authority.client("expired", Validity::OVER)?,
            early: authority.client("early", Validity::TO_COME)?,
            stranger: stranger_authority.client("stranger", Validity::LONG)?,
            authority,
            stranger_authority,
        })
    }

    /// Writes `chain.crt` (the authority), `stranger-chain.crt`, and a `.crt` and a `.key` for each of
    /// `server`, `wrong_host`, `client`, `expired`, `early` and `stranger`.
    pub fn write_to(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        fs::write(dir.join("chain.crt"), self.authority.pem())?;
        fs::write(dir.join("stranger-chain.crt"), self.stranger_authority.pem())?;
        self.server.write_to(dir, "server")?;
        self.wrong_host.write_to(dir, "wrong_host")?;
        self.client.write_to(dir, "client")?;
        self.expired.write_to(dir, "expired")?;
        self.early.write_to(dir, "early")?;
        self.stranger.write_to(dir, "stranger")
    }

    /// The sink's TLS: the server's own certificate, TLS 1.3 and 1.2.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        self.server_config_with(&self.server, BOTH_VERSIONS)
    }

    /// TLS that demands a client's certificate of the authority and gives session tickets.
    pub fn server_config_with(
        &self,
        server: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Arc<ServerConfig>, CertificateError> {
        let provider = provider();
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(self.authority.roots()?), Arc::clone(&provider))
                .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![server.certificate.clone()], server.private_key())?;
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Arc::new(config))
    }

    /// TLS that asks nobody for a certificate, as AWS does; `server` says for which hosts it stands.
    pub fn https_config(&self, server: &Identity) -> Result<Arc<ServerConfig>, CertificateError> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(BOTH_VERSIONS)?
            .with_no_client_auth()
            .with_single_cert(vec![server.certificate.clone()], server.private_key())?;
        Ok(Arc::new(config))
    }

    /// A plain client's TLS: trusts the authority and shows `identity`, or nothing.
    pub fn client_config(
        &self,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Arc<ClientConfig>, CertificateError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)?
            .with_root_certificates(self.authority.roots()?);
        let mut config = match identity {
            Some(identity) => {
                builder.with_client_auth_cert(vec![identity.certificate.clone()], identity.private_key())?
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(8);
        Ok(Arc::new(config))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn params(name: &str, hosts: &[&str], validity: Validity) -> Result<CertificateParams, CertificateError> {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "Quittance testbed");
    let Validity { from, until } = validity;
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(until.0, until.1, until.2);
    Ok(params)
}

/// The mode is given at creation: a key is never readable by others, not even for a moment.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
