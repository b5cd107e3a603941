//! The HTTP connectors of the inputs: one for all that go the same way.

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use quittance_aws::{AwsError, HttpSettings, http_client};
use secrecy::ExposeSecret;

use crate::{Files, config::Input};

/// Makes connectors, each way once.
pub(crate) struct Connectors<'a> {
    /// The one for everything, in a test.
    given: Option<&'a SharedHttpClient>,
    files: Files,
    made: Vec<(HttpSettings, SharedHttpClient)>,
}

impl<'a> Connectors<'a> {
    pub(crate) fn new(given: Option<&'a SharedHttpClient>, files: Files) -> Self {
        Connectors { given, files, made: Vec::new() }
    }

    /// The connector of an input.
    pub(crate) fn of(&mut self, input: &Input) -> Result<SharedHttpClient, AwsError> {
        if let Some(given) = self.given {
            return Ok(given.clone());
        }
        let bundle = input.ca_bundle.as_ref().map(|name| {
            let missing =
                |looked| AwsError::CaBundle { path: name.into(), problem: format!("not found: looked for {looked}") };
            self.files.find(name).map_err(missing)
        });
        let settings = HttpSettings { proxy: input.proxy.clone(), ca_bundle: bundle.transpose()? };
        if let Some((_, client)) = self.made.iter().find(|(made, _)| same(made, &settings)) {
            return Ok(client.clone());
        }
        let client = http_client(&settings)?;
        self.made.push((settings, client.clone()));
        Ok(client)
    }
}

fn same(a: &HttpSettings, b: &HttpSettings) -> bool {
    let proxy = |settings: &HttpSettings| settings.proxy.as_ref().map(|proxy| proxy.expose_secret().to_owned());
    a.ca_bundle == b.ca_bundle && proxy(a) == proxy(b)
}
