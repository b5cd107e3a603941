//! Keys of the collector itself in Devo's shape: what each is good for.

use quittance_collector::state_folder;

use crate::support::{check, good_but, read};

/// What is told without a run: state, bounds of memory and time, and the few keys that only are reported.
#[test]
fn keys_of_the_collector_itself() {
    let set = |keys: &str| read(&good_but("  name: aws01", &format!("  name: aws01\n{keys}")));
    // `name` is the host of every event, `id` stands in the log; neither is cut to Devo's length.
    let config = read(&good_but("  name: aws01", "  name: a-longer-name").replace("id: 12345", "id: longer-id"));
    assert_eq!((&*config.globals.name, &*config.globals.id), ("a-longer-name", "longer-id"));
    assert!(set("  debug: true").globals.debug);
    let folder = |name: &str| {
        state_folder(&set(&format!("  persistence: {{type: filesystem, config: {{directory_name: {name}}}}}")))
    };
    assert!(folder("remembered").ends_with("remembered"));
    assert!(folder("/var/lib/state").is_absolute());
    check(
        &good_but("  name: aws01", "  name: aws01\n  persistence: {type: redis}"),
        &["4:23: error: globals.persistence.type: expected `filesystem`, found `redis`"],
    );
    let reported = set("  multiprocessing: true\n  queue_wrap_max_size_in_messages: 100").without_effect();
    assert_eq!(reported, ["globals.multiprocessing", "globals.queue_wrap_max_size_in_messages"]);
    let refresh = "autoconfig: {enabled: true, refresh_interval_in_seconds: 600}";
    let config = read(&good_but("    id: 12351", &format!("    id: 12351\n    {refresh}")));
    assert_eq!(config.without_effect(), ["inputs.aws.autoconfig"]);
}
