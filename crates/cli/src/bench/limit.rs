//! The least that could do the work: inflate, split, encrypt, on one core, with nothing around it.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::{Context, Result};
use quittance_devo::{Identity, client_config};
use quittance_formats::{Frame, Framer, Header, Inflate, Lines, Records};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{
    Cost, cpu_time,
    data::{Kind, Objects},
    surroundings::Surroundings,
};

const WINDOW: usize = 256 << 10;
const WRITE: usize = 64 << 10;

pub(super) async fn run(surroundings: &Surroundings, objects: &Objects, kind: Kind, rounds: u64) -> Result<Cost> {
    let certs = surroundings.certs();
    let file = |name: &str| certs.join(name);
    let identity = Identity { chain: &file("chain.crt"), cert: &file("bench.crt"), key: &file("bench.key") };
    let tls = TlsConnector::from(Arc::clone(&client_config(&identity)?));
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, surroundings.port())).await.context("connecting")?;
    tcp.set_nodelay(true)?;
    let mut stream = tls.connect(ServerName::try_from("localhost")?, tcp).await.context("handshake")?;

    let header = b"<14>Jan  1 00:00:00 bench cloud.aws.bench.limit.111122223333.us-east-1: ";
    let (started, cpu) = (crate::demo::now(), cpu_time());
    let mut window = Vec::with_capacity(WINDOW);
    let mut frames = Vec::new();
    let mut out = Vec::with_capacity(2 * WRITE);
    for _ in 0..rounds {
        for (_, object) in &objects.objects {
            let mut inflate = Inflate::new();
            let mut framer: Box<dyn Framer> = match kind {
                Kind::Cloudtrail => Box::new(Records::new("Records", 1 << 20)),
                Kind::Vpcflow => Box::new(Lines::new(Header::VpcFlow, 1 << 20)),
                Kind::Cloudfront => Box::new(Lines::new(Header::CloudFront, 1 << 20)),
            };
            let mut at = 0;
            let mut last = false;
            while !last {
                at += inflate.decode(&object[at..], &mut window)?;
                last = at == object.len() && inflate.is_drained();
                if last {
                    inflate.finish()?;
                }
                let consumed = framer.frame(&window, last, &mut frames)?;
                for frame in frames.drain(..) {
                    if let Frame::Event { start, end } = frame {
                        out.extend_from_slice(header);
                        out.extend_from_slice(&window[start..end]);
                        out.push(b'\n');
                        if out.len() >= WRITE {
                            stream.write_all(&out).await?;
                            out.clear();
                        }
                    }
                }
                window.drain(..consumed);
            }
        }
    }
    stream.write_all(&out).await?;
    stream.shutdown().await?;
    // The receiver's end says that it has read everything; the collector waits for the same.
    _ = stream.read(&mut [0; 16]).await;
    Ok(Cost { wall: started.elapsed(), cpu: cpu_time() - cpu })
}
