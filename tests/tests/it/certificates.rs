//! Certificates that must be refused, by either side: nothing is sent, and nothing is even asked of the source.

use std::time::Duration;

use anyhow::Result;
use quittance_testbed::certificates::{BOTH_VERSIONS, ONLY_TLS12, ONLY_TLS13};
use quittance_tests::{Credentials, Options, Scene, Suite, until};
use rustls::SupportedProtocolVersion;

type Versions = &'static [&'static SupportedProtocolVersion];

pub(crate) fn add(suite: &mut Suite) {
    let versions = [("tls12", ONLY_TLS12), ("tls13", ONLY_TLS13), ("either", BOTH_VERSIONS)];
    for (name, versions) in versions {
        let refused: [(&str, Credentials, &[&str]); 3] = [
            // What the receiver says of the client's certificate: its alert, as TLS calls it.
            ("client_of_another_authority", Credentials::Stranger, &["UnknownCA", "DecryptError"]),
            ("expired_client", Credentials::Expired, &["CertificateExpired"]),
            // What the collector says of the receiver's.
            ("unknown_chain", Credentials::StrangerChain, &["UnknownIssuer"]),
        ];
        for (case, credentials, reasons) in refused {
            suite.test(module_path!(), &format!("{case}_{name}"), move || {
                refused_with(Options { versions, ..Options::default() }, credentials, reasons)
            });
        }
        suite.test(module_path!(), &format!("wrong_host_name_{name}"), move || {
            let options = Options { versions, server: |pki| &pki.wrong_host, ..Options::default() };
            refused_with(options, Credentials::Right, &["not valid for name"])
        });
        suite.test(module_path!(), &format!("right_ones_{name}"), move || taken(versions));
    }
    suite.test(module_path!(), "missing_file", missing_file);
}

async fn refused_with(options: Options, credentials: Credentials, reasons: &[&str]) -> Result<()> {
    let mut scene = Scene::new(options).await?;
    scene.configuration.credentials = credentials;
    scene.write(3, 10)?;
    let mut collector = scene.start()?;
    // It keeps trying, since certificates are replaced while it runs, and says why each time.
    scene.until("it has tried again", &mut collector, |scene| scene.receiver.totals().connections >= 3).await;
    let why = "destination does not confirm";
    until("it says so", Duration::from_secs(5), || collector.logged(why) >= 2).await;
    let log = collector.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(why)).collect();
    assert!(
        lines.iter().all(|line| reasons.iter().any(|reason| line.contains(reason))),
        "none of {reasons:?} in {lines:#?}"
    );
    collector.stop().await?;

    let totals = scene.receiver.totals();
    assert_eq!((totals.events, totals.received), (0, 0), "something was sent");
    assert_eq!(scene.cloud.all_calls().len(), 0, "the source was asked: {:?}", scene.cloud.all_calls());
    assert_eq!(scene.cloud.queue().received, 0);
    Ok(())
}

async fn taken(versions: Versions) -> Result<()> {
    let mut scene = Scene::new(Options { versions, ..Options::default() }).await?;
    scene.write(6, 50)?;
    let mut collector = scene.start()?;
    scene.drained(&mut collector).await;
    scene.verdict().assert_exact();
    scene.assert_source_unharmed();
    collector.stop().await
}

/// Without its certificate the collector does not start, and says which file it looked for, and where.
async fn missing_file() -> Result<()> {
    let mut scene = Scene::usual().await?;
    scene.configuration.credentials = Credentials::NoFile;
    scene.write(1, 10)?;
    let mut collector = scene.start()?;
    let status = collector.ended(Duration::from_secs(5)).await;
    assert_eq!(status.code(), Some(1), "{status}");
    let log = collector.log();
    assert!(log.contains("domain.crt") && log.contains("devo_1") && log.contains("certs"), "{log}");
    assert_eq!(scene.receiver.totals().connections, 0);
    assert_eq!(scene.cloud.all_calls().len(), 0);
    Ok(())
}
