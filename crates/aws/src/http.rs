//! The HTTP connector: proxy, private authority, one pool of connections.

use std::path::PathBuf;

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use crate::AwsError;

/// Where a machine's own credentials come from: instance, container, pod identity. No proxy knows this machine's.
const OF_THE_MACHINE: [&str; 3] = ["169.254.169.254", "169.254.170.2", "169.254.170.23"];

/// How to reach AWS.
#[derive(Clone, Debug, Default)]
pub struct HttpSettings {
    /// A proxy, as in `http://user:password@proxy.example:3128`; `none` for none. Unset, `HTTPS_PROXY`, `HTTP_PROXY`
    /// and `NO_PROXY` decide.
    pub proxy: Option<SecretString>,
    /// A file of certificates (PEM) to trust beside the machine's own; unset, `AWS_CA_BUNDLE` names it.
    pub ca_bundle: Option<PathBuf>,
}

/// A connector for all clients with these settings.
pub fn http_client(settings: &HttpSettings) -> Result<SharedHttpClient, AwsError> {
    let proxy = proxy(settings)?;
    let tls = tls(settings)?;
    Ok(Builder::new().build_with_connector_fn(move |timeouts, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .proxy_config(proxy.clone());
        connector.set_connector_settings(timeouts.cloned());
        connector.set_sleep_impl(components.and_then(|c| c.sleep_impl()));
        connector.build()
    }))
}

fn proxy(settings: &HttpSettings) -> Result<ProxyConfig, AwsError> {
    let Some(proxy) = settings.proxy.as_ref().map(ExposeSecret::expose_secret).filter(|proxy| !proxy.is_empty()) else {
        return Ok(ProxyConfig::from_env());
    };
    if proxy == "none" {
        return Ok(ProxyConfig::disabled());
    }
    // The user's name and password go apart from the address, so that no error repeats them.
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
    let (user, address) = match rest.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, rest),
    };
    let config = ProxyConfig::all(format!("{scheme}://{address}"))
        .map_err(|source| AwsError::Proxy { source: source.into() })?;
    // The SDK puts them into a URL as they are, and reads that URL again: a bare `@` or `/` would end up in the host name.
    let escape = |text: &str| {
        let plain = percent_decode_str(text).decode_utf8_lossy();
        utf8_percent_encode(&plain, NON_ALPHANUMERIC).to_string()
    };
    let no_proxy = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default();
    // An empty entry would be taken for one that names every host.
    let named = no_proxy.split(',').map(str::trim).filter(|host| !host.is_empty());
    let config = config.no_proxy(named.chain(OF_THE_MACHINE).collect::<Vec<_>>().join(","));
    Ok(match user {
        Some(user) => {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            config.with_basic_auth(escape(name), escape(password))
        }
        None => config,
    })
}

fn tls(settings: &HttpSettings) -> Result<TlsContext, AwsError> {
    let from_env = || std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let mut trust = TrustStore::default();
    if let Some(path) = settings.ca_bundle.clone().or_else(from_env) {
        let bundle = |problem: String| AwsError::CaBundle { path: path.clone(), problem };
        let pem = std::fs::read(&path).map_err(|e| bundle(e.to_string()))?;
        // The connector would panic on it much later.
        let begin = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(begin.len()).any(|window| window == begin) {
            return Err(bundle("expected PEM with at least one `BEGIN CERTIFICATE`".to_owned()));
        }
        trust.add_pem_certificate(pem);
    }
    TlsContext::builder().with_trust_store(trust).build().map_err(|e| AwsError::Tls { source: e.into() })
}
