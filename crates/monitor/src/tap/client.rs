//! Who asks a collector's page for events.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;

use crate::{
    AskError,
    tap::{Tapped, Wish},
};

/// A line that is longer is none of ours.
const LONGEST: usize = 1 << 20;

/// What of an answer is repeated that is no stream of events.
const REFUSAL: usize = 4096;

/// Events as they pass.
pub struct Tapping {
    address: SocketAddr,
    body: Incoming,
    read: BytesMut,
}

/// Asks the page at `address` for events on their way.
pub async fn tap(address: SocketAddr, token: Option<&SecretString>, wish: &Wish) -> Result<Tapping, AskError> {
    let silent = |source| AskError::NoPage { address, source };
    let asked = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::get(format!("/tap?{}", query(wish))).header(header::HOST, address.to_string());
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose_secret()));
        }
        Ok(sender.send_request(request.body(Empty::<Bytes>::new())?).await?)
    };
    let response = asked.await.map_err(silent)?;
    let status = response.status();
    if status != StatusCode::OK {
        let body = Limited::new(response.into_body(), REFUSAL).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let problem = format!("{status}: {}", String::from_utf8_lossy(&body).trim());
        return Err(AskError::Refused { address, problem });
    }
    Ok(Tapping { address, body: response.into_body(), read: BytesMut::new() })
}

impl Tapping {
    /// The next line; `None` when the collector has ended it.
    pub async fn next(&mut self) -> Result<Option<Tapped>, AskError> {
        let stranger = |problem: String| AskError::Stranger { address: self.address, problem };
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.split_to(end + 1);
                return serde_json::from_slice(&line).map(Some).map_err(|error| stranger(error.to_string()));
            }
            if self.read.len() > LONGEST {
                return Err(stranger("a line without an end".to_owned()));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => self.read.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                // It stopped, or was killed.
                Some(Err(_)) => return Ok(None),
            }
        }
    }
}

fn query(wish: &Wish) -> String {
    let Wish { table, unit, text } = wish;
    let fields = [("table", table), ("unit", unit), ("text", text)];
    let fields = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_deref()?))));
    fields.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes()
        .map(|byte| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
