//! The bytes: what any syslog receiver must be able to read back.

use proptest::prelude::*;
use quittance_devo::{Newline, Wire};

use crate::scene::Setting;

async fn round_trip(wire: Wire, texts: &[String]) -> Vec<String> {
    let mut scene = Setting { wire, ..Setting::default() }.scene();
    scene.give_texts(0..texts.len() as u64, texts).await;
    scene.outlet.ready().await;
    assert!(scene.settlement().await.1);
    assert_eq!(scene.sink.totals().malformed, 0, "{:?}", scene.sink.malformed());
    let messages = scene.sink.messages();
    assert!(messages.iter().all(|(tag, _)| tag == "my.app.test.pool"));
    messages.into_iter().map(|(_, message)| String::from_utf8(message).unwrap()).collect()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_sent_is_what_arrives(texts in prop::collection::vec("[ -~\n\t<é0-9]{1,300}", 1..40), big in 0..200_000_usize) {
        let mut texts = texts;
        texts.push("9 <14>".repeat(big / 6 + 1));
        let octet = Wire::Devo { newline: Newline::OctetCounted, compression: false };
        prop_assert_eq!(run(round_trip(octet, &texts)), texts.clone());
        let escaped: Vec<_> = texts.iter().map(|t| t.replace('\n', "\\n")).collect();
        for wire in [Wire::Devo { newline: Newline::Escape, compression: false }, Wire::Devo { newline: Newline::OctetCounted, compression: true }] {
            prop_assert_eq!(&run(round_trip(wire, &texts)), &escaped);
        }
    }
}
