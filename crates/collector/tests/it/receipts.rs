//! Receipts cannot be switched off.

use crate::support::{examine, good_but};

/// opensearch-project/data-prepper#6999: acknowledgement from end to end was off for years, and nobody was told.
#[test]
fn no_value_of_confirm_mode_switches_receipts_off() {
    let with = |mode: &str| {
        let examined =
            examine(&good_but("      port: 443\n", &format!("      port: 443\n      confirm: {{mode: {mode}}}\n")));
        examined.config.is_some()
    };
    for mode in ["closed", "acked", "auto"] {
        assert!(with(mode), "{mode}");
    }
    for mode in ["none", "off", "false", "no", "never", "disabled", "0", "written", "[]", "{}"] {
        assert!(!with(mode), "{mode}");
    }
    let off = |key: &str| examine(&good_but("      port: 443\n", &format!("      port: 443\n      confirm: {key}\n")));
    for key in ["false", "none", "{interval: never}"] {
        assert!(off(key).config.is_none(), "{key}");
    }
}
