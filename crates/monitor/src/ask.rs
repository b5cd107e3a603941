//! Asks a collector how it is.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Health;

/// How long a collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const LONGEST: usize = 16 << 20;

/// Why it is not known how a collector is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// Nobody answers there.
    #[error("nobody answers at {address}: is the collector running, with this `probes_address`?")]
    Silent {
        /// Where it was asked.
        address: SocketAddr,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Nobody answers where a page should be.
    #[error("nobody answers at {address}: is the collector running, with this `page_address`?")]
    NoPage {
        /// Where it was asked.
        address: SocketAddr,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It does not want to answer.
    #[error("the page at {address} refuses: {problem}")]
    Refused {
        /// Where it was asked.
        address: SocketAddr,
        /// What it said.
        problem: String,
    },
    /// Something else answers.
    #[error("what answers at {address} is no collector: {problem}")]
    Stranger {
        /// Where it was asked.
        address: SocketAddr,
        /// What is wrong with it.
        problem: String,
    },
}

/// What `/healthz` says at `address`.
pub async fn ask(address: SocketAddr) -> Result<Health, AskError> {
    let silent = |source| AskError::Silent { address, source };
    let body = match tokio::time::timeout(PATIENCE, fetch(address)).await {
        Ok(fetched) => fetched.map_err(silent)?,
        Err(late) => return Err(silent(late.into())),
    };
    serde_json::from_slice(&body).map_err(|error| AskError::Stranger { address, problem: error.to_string() })
}

async fn fetch(address: SocketAddr) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/healthz").header(header::HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let asked = async {
        let response = sender.send_request(request).await?;
        Ok(Limited::new(response.into_body(), LONGEST).collect().await?.to_bytes())
    };
    tokio::pin!(connection);
    tokio::pin!(asked);
    let mut is_open = true;
    loop {
        tokio::select! {
            biased;
            answer = &mut asked => return answer,
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}
