//! The sink as a plain TLS client sees it: receipts, refusals, and every fault.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quittance_testbed::certificates::{BOTH_VERSIONS, CertificateError, Identity, ONLY_TLS12, ONLY_TLS13, Pki};
use quittance_testbed::generate::gzip;
use quittance_testbed::sink::{Fault, Keep, Sink, fingerprint};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

const SHORT: Duration = Duration::from_millis(200);

/// A sink that serves, and the TLS of a client that it accepts.
struct Bed {
    pki: Pki,
    sink: Sink,
    address: SocketAddr,
    client: Arc<ClientConfig>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Bed {
    async fn new() -> Self {
        Self::with(|pki| pki.server_config()).await
    }

    async fn with(tls: impl FnOnce(&Pki) -> Result<Arc<ServerConfig>, CertificateError>) -> Self {
        let pki = Pki::new().unwrap();
        let tls = tls(&pki).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (sink, stop) = (Sink::new(Keep::Messages), CancellationToken::new());
        Self {
            address: listener.local_addr().unwrap(),
            client: pki.client_config(Some(&pki.client), BOTH_VERSIONS).unwrap(),
            serving: serve(&sink, listener, tls, &stop),
            pki,
            sink,
            stop,
        }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_as(Arc::clone(&self.client)).await.unwrap()
    }

    async fn connect_as(&self, client: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        let tcp = TcpStream::connect(self.address).await?;
        TlsConnector::from(client).connect(name, tcp).await
    }

    fn client_as(
        &self,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        self.pki.client_config(identity, versions).unwrap()
    }
}

fn serve(sink: &Sink, listener: TcpListener, tls: Arc<ServerConfig>, stop: &CancellationToken) -> JoinHandle<()> {
    let (sink, stop) = (sink.clone(), stop.clone());
    tokio::spawn(async move { sink.serve(listener, tls, stop).await })
}

/// Lines of 100 bytes, all different.
fn lines(range: std::ops::Range<usize>) -> Vec<u8> {
    range.flat_map(|number| format!("<14>Jul  9 08:07:06 node-1 my.app.test: {number:059}\n").into_bytes()).collect()
}

/// Ends the client's half and reads up to the sink's end.
async fn end(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert_eq!(answer, b"");
    // TLS has ended; the socket's own end tells whether the sink went in order.
    stream.get_mut().0.read_to_end(&mut answer).await?;
    Ok(())
}

/// Writes without end until an error or the sink's end stops it.
async fn write_until_stopped(stream: &mut TlsStream<TcpStream>) -> io::Result<()> {
    let events = lines(0..1000);
    let (mut reading, mut writing) = tokio::io::split(stream);
    tokio::select! {
        read = reading.read_u8() => read.map(|_| ()),
        written = async {
            loop {
                writing.write_all(&events).await?;
            }
        } => written,
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[tokio::test]
async fn everything_is_counted_before_the_receipt() {
    let bed = Bed::new().await;
    for round in 1..=20 {
        let mut stream = bed.connect().await;
        stream.write_all(&lines(0..500)).await.unwrap();
        stream.write_all(&gzip(&lines(500..900), 6)).await.unwrap();
        stream.write_all(b"58 <14>Jan  1 00:00:00 testhost my.app.test.one: line1\nline2\n").await.unwrap();
        end(&mut stream).await.unwrap();
        let totals = bed.sink.totals();
        assert_eq!((totals.events, totals.distinct), (round * 901, 901));
        assert_eq!((totals.ended, totals.torn, totals.malformed), (round, 0, 0));
    }
    let snapshot = bed.sink.snapshot();
    assert_eq!(snapshot.totals.repeated(), 19 * 901);
    let tags: Vec<_> = snapshot.tags.iter().map(|tag| (&*tag.tag, tag.events, tag.bytes)).collect();
    assert_eq!(tags, [("my.app.test", 18_000, 18_000 * 59), ("my.app.test.one", 20, 20 * 11),]);
    let messages = bed.sink.messages();
    assert_eq!(messages[7].1, format!("{:059}", 7).into_bytes());
    assert_eq!(messages[900], ("my.app.test.one".to_owned(), b"line1\nline2".to_vec()));
}

#[tokio::test]
async fn an_empty_connection_is_answered_in_order() {
    let bed = Bed::new().await;
    let mut stream = bed.connect().await;
    end(&mut stream).await.unwrap();
    let totals = bed.sink.totals();
    assert_eq!((totals.empty, totals.ended, totals.events), (1, 1, 0));
}

#[tokio::test]
async fn an_end_without_close_notify_is_answered_too() {
    let bed = Bed::new().await;
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..10)).await.unwrap();
    stream.get_mut().0.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let totals = bed.sink.totals();
    assert_eq!((totals.events, totals.unannounced), (10, 1));
}

#[tokio::test]
async fn a_torn_last_frame_is_no_event() {
    let bed = Bed::new().await;
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..10)[..950]).await.unwrap();
    end(&mut stream).await.unwrap();
    let totals = bed.sink.totals();
    assert_eq!((totals.events, totals.torn), (9, 1));
}

#[tokio::test]
async fn what_cannot_be_decoded_is_reset() {
    let bed = Bed::new().await;
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..1)).await.unwrap();
    stream.write_all(b"\x1f\x8b no gzip at all").await.unwrap();
    let error = end(&mut stream).await.unwrap_err();
    assert!(is_reset(&error), "{error:?}");
    assert_eq!((bed.sink.totals().events, bed.sink.malformed().len()), (1, 1));
}

#[tokio::test]
async fn arrivals_are_compared_with_expectations() {
    let bed = Bed::new().await;
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..100)).await.unwrap();
    stream.write_all(&lines(90..100)).await.unwrap();
    end(&mut stream).await.unwrap();
    let expected: HashSet<u64> = (5..120).map(|number| fingerprint(format!("{number:059}").as_bytes())).collect();
    let comparison = bed.sink.compare(&expected);
    assert_eq!((comparison.expected, comparison.missing), (115, 20));
    assert_eq!((comparison.unexpected, comparison.repeated), (5, 10));
}

#[tokio::test]
async fn with_tls13_a_certificate_is_refused_after_the_clients_handshake() {
    let bed = Bed::new().await;
    let Pki { stranger, expired, early, .. } = &bed.pki;
    for (count, identity) in [Some(stranger), Some(expired), Some(early), None].into_iter().enumerate() {
        let client = bed.client_as(identity, ONLY_TLS13);
        let mut stream = bed.connect_as(client).await.unwrap();
        let error = end(&mut stream).await.unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidData || is_reset(&error), "{error:?}");
        let refused = count as u64 + 1;
        bed.sink.wait_for(|totals| totals.refused == refused).await;
    }
    assert_eq!(bed.sink.totals().empty, 0);
}

#[tokio::test]
async fn with_tls12_a_certificate_is_refused_within_the_handshake() {
    let bed = Bed::with(|pki| pki.server_config_with(&pki.server, ONLY_TLS12)).await;
    let Pki { stranger, expired, early, client, .. } = &bed.pki;
    for identity in [Some(stranger), Some(expired), Some(early), None] {
        let client = bed.client_as(identity, BOTH_VERSIONS);
        let error = bed.connect_as(client).await.unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidData || is_reset(&error), "{error:?}");
    }
    let client = bed.client_as(Some(client), BOTH_VERSIONS);
    let mut stream = bed.connect_as(client).await.unwrap();
    stream.write_all(&lines(0..10)).await.unwrap();
    end(&mut stream).await.unwrap();
    let totals = bed.sink.totals();
    assert_eq!((totals.refused, totals.events), (4, 10));
}

#[tokio::test]
async fn a_client_refuses_a_server_of_another_name() {
    let bed = Bed::with(|pki| pki.server_config_with(&pki.wrong_host, BOTH_VERSIONS)).await;
    let error = bed.connect_as(Arc::clone(&bed.client)).await.unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn sessions_are_resumed() {
    for versions in [ONLY_TLS13, ONLY_TLS12] {
        let bed = Bed::new().await;
        let client = bed.client_as(Some(&bed.pki.client), versions);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = bed.connect_as(Arc::clone(&client)).await.unwrap();
            end(&mut stream).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(expected));
        }
    }
}

#[tokio::test]
async fn fault_reset_after() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::ResetAfter(100_050))]);
    let mut stream = bed.connect().await;
    let error = write_until_stopped(&mut stream).await.unwrap_err();
    assert!(is_reset(&error), "{error:?}");
    let totals = bed.sink.wait_for(|totals| totals.open == 0).await;
    assert_eq!((totals.received, totals.events), (100_050, 1000));
    assert_eq!((totals.torn, totals.ended), (1, 0));
    // The script is used up: the next connection goes well.
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..1000)).await.unwrap();
    end(&mut stream).await.unwrap();
    let totals = bed.sink.totals();
    assert_eq!((totals.events, totals.distinct), (2000, 1000));
}

#[tokio::test]
async fn fault_close_after() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::CloseAfter(10_000))]);
    let mut stream = bed.connect().await;
    let error = write_until_stopped(&mut stream).await.unwrap_err();
    // The end of TLS in good order, and of the socket as well.
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    let mut rest = Vec::new();
    stream.get_mut().0.read_to_end(&mut rest).await.unwrap();
    assert_eq!(bed.sink.totals().events, 100);
    stream.shutdown().await.unwrap();
    let totals = bed.sink.wait_for(|totals| totals.open == 0).await;
    assert_eq!((totals.events, totals.ended), (100, 0));
}

#[tokio::test]
async fn fault_stall_after() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::StallAfter(5_000, SHORT))]);
    let begun = Instant::now();
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..100)).await.unwrap();
    bed.sink.wait_for(|totals| totals.events == 50).await;
    end(&mut stream).await.unwrap();
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(bed.sink.totals().events, 100);
}

#[tokio::test]
async fn fault_black_hole() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::BlackHole)]);
    let mut stream = bed.connect().await;
    // Writing goes on into the kernels' buffers until they are full; nothing comes back.
    assert!(timeout(SHORT, write_until_stopped(&mut stream)).await.is_err());
    let totals = bed.sink.totals();
    assert_eq!((totals.events, totals.received, totals.open), (0, 0, 1));
}

#[tokio::test]
async fn fault_never_ends() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::NeverEnds)]);
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..100)).await.unwrap();
    assert!(timeout(SHORT, end(&mut stream)).await.is_err());
    assert_eq!(bed.sink.totals().events, 100);
}

#[tokio::test]
async fn fault_slow_end() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::SlowEnd(SHORT))]);
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..100)).await.unwrap();
    let begun = Instant::now();
    end(&mut stream).await.unwrap();
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(bed.sink.totals().events, 100);
}

#[tokio::test]
async fn fault_reset_at_end() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::ResetAtEnd)]);
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..100)).await.unwrap();
    let error = end(&mut stream).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(bed.sink.totals().events, 100);
}

#[tokio::test]
async fn fault_refuse() {
    let bed = Bed::new().await;
    for versions in [ONLY_TLS13, ONLY_TLS12] {
        bed.sink.script([Some(Fault::Refuse)]);
        let client = bed.client_as(Some(&bed.pki.client), versions);
        let refused = match bed.connect_as(Arc::clone(&client)).await {
            Ok(mut stream) => {
                assert_eq!(versions, ONLY_TLS13);
                end(&mut stream).await.unwrap_err()
            }
            Err(error) => error,
        };
        assert!(refused.to_string().contains("CertificateRevoked") || is_reset(&refused), "{refused:?}");
        // Refused once, not for ever.
        let mut stream = bed.connect_as(client).await.unwrap();
        end(&mut stream).await.unwrap();
    }
    assert_eq!(bed.sink.totals().refused, 2);
}

#[tokio::test]
async fn fault_slow_reader() {
    let bed = Bed::new().await;
    bed.sink.script([Some(Fault::SlowReader(50_000))]);
    let begun = Instant::now();
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..200)).await.unwrap();
    end(&mut stream).await.unwrap();
    let elapsed = begun.elapsed();
    assert!(elapsed >= Duration::from_millis(390), "{elapsed:?}");
    assert_eq!(bed.sink.totals().events, 200);
}

#[tokio::test]
async fn planned_faults_wait_for_connections_that_carry_events() {
    let bed = Bed::new().await;
    bed.sink.script([None, Some(Fault::ResetAtEnd)]);
    for (carries, goes_well, left) in
        [(false, true, 2), (true, true, 1), (false, true, 1), (true, false, 0), (true, true, 0)]
    {
        let mut stream = bed.connect().await;
        if carries {
            stream.write_all(&lines(0..1)).await.unwrap();
        }
        assert_eq!(end(&mut stream).await.is_ok(), goes_well);
        assert_eq!(bed.sink.faults_left(), left);
    }
    // A standing fault is for every connection.
    bed.sink.always(Some(Fault::ResetAtEnd));
    let mut stream = bed.connect().await;
    end(&mut stream).await.unwrap_err();
    bed.sink.clear_faults();
    let mut stream = bed.connect().await;
    end(&mut stream).await.unwrap();
}

#[tokio::test]
async fn a_sink_that_is_down_resets_new_connections() {
    let bed = Bed::new().await;
    bed.sink.set_down(true);
    let error = bed.connect_as(Arc::clone(&bed.client)).await.unwrap_err();
    assert!(is_reset(&error), "{error:?}");
    bed.sink.set_down(false);
    let mut stream = bed.connect().await;
    end(&mut stream).await.unwrap();
}

#[tokio::test]
async fn open_connections_can_be_reset() {
    let bed = Bed::new().await;
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..10)).await.unwrap();
    bed.sink.wait_for(|totals| totals.events == 10).await;
    bed.sink.reset_open();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let mut stream = bed.connect().await;
    end(&mut stream).await.unwrap();
}

#[tokio::test]
async fn a_sink_that_stops_gives_no_receipt_and_may_come_back() {
    let mut bed = Bed::new().await;
    let mut stream = bed.connect().await;
    stream.write_all(&lines(0..10)).await.unwrap();
    bed.sink.wait_for(|totals| totals.events == 10).await;
    bed.stop.cancel();
    bed.serving.await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = TcpStream::connect(bed.address).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);

    let listener = TcpListener::bind(bed.address).await.unwrap();
    let tls = bed.pki.server_config().unwrap();
    bed.serving = serve(&bed.sink, listener, tls, &CancellationToken::new());
    let mut stream = bed.connect().await;
    stream.write_all(&lines(10..20)).await.unwrap();
    end(&mut stream).await.unwrap();
    assert_eq!(bed.sink.totals().events, 20);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_no_socket_is_served_in_virtual_time() {
    let pki = Pki::new().unwrap();
    let (near, far) = tokio::io::duplex(1 << 16);
    let sink = Sink::new(Keep::Distinct);
    sink.script([Some(Fault::SlowEnd(Duration::from_secs(3600)))]);
    let tls = pki.server_config().unwrap();
    let receiving = {
        let sink = sink.clone();
        tokio::spawn(async move { sink.receive(far, tls).await })
    };
    let client = pki.client_config(Some(&pki.client), BOTH_VERSIONS).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(client).connect(name, near).await.unwrap();
    stream.write_all(&lines(0..1000)).await.unwrap();
    stream.shutdown().await.unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(3600));
    receiving.await.unwrap();
    let totals = sink.totals();
    assert_eq!((totals.events, totals.distinct, totals.open), (1000, 1000, 0));
    assert!(sink.messages().is_empty());
}

#[test]
fn certificates_are_written_with_private_keys() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::new().unwrap();
    pki.write_to(dir.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read("chain.crt"), pki.authority.pem());
    for name in ["server", "wrong_host", "client", "expired", "early", "stranger"] {
        assert!(read(&format!("{name}.crt")).starts_with("-----BEGIN CERTIFICATE-----"));
        let key = dir.path().join(format!("{name}.key"));
        assert!(read(&format!("{name}.key")).starts_with("-----BEGIN PRIVATE KEY-----"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(key).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
