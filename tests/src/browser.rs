//! A real browser, driven by chromedriver.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::emulators::free_port;

/// A chromedriver, killed when it is dropped with all its browsers.
pub struct Browser {
    driver: Child,
    address: String,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Of the window, in CSS pixels.
    pub width: u32,
    /// The same. A high one shows a whole page at once.
    pub height: u32,
    /// Whether the user wants it dark.
    pub dark: bool,
    /// Whether it is a phone.
    pub phone: bool,
}

impl Browser {
    /// Starts the driver.
    pub async fn start(chromedriver: &Path) -> Result<Browser> {
        let port = free_port()?;
        let driver = Command::new(chromedriver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start `{}`", chromedriver.display()))?;
        Ok(Browser { driver, address: format!("http://127.0.0.1:{port}") })
    }

    /// Opens a window of its own, and the page in it.
    pub async fn open(&self, url: &str, look: Look) -> Result<Client> {
        let Look { width, height, dark, phone } = look;
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--hide-scrollbars".to_owned(),
            format!("--window-size={width},{height}"),
        ];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let mut chrome = json!({ "args": arguments });
        if phone {
            chrome["mobileEmulation"] = json!({
                "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true, "mobile": true }
            });
        }
        let capabilities = json!({ "browserName": "chrome", "goog:chromeOptions": chrome });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let mut tries = 0;
        let client = loop {
            match builder.connect(&self.address).await {
                Ok(client) => break client,
                Err(error) if tries > 50 => return Err(error).context("chromedriver does not give a window"),
                Err(_) => {
                    tries += 1;
                    sleep(Duration::from_millis(200)).await;
                }
            }
        };
        client.goto(url).await?;
        Ok(client)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
