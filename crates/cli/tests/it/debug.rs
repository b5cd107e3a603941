//! How much a run says.

use crate::scene::{Scene, quittance_in};

/// What a run says that ends at once: its state is in a file's place.
fn says(scene: &Scene, environment: &[(&str, &str)]) -> String {
    std::fs::write(scene.file("config.yaml"), &scene.yaml).expect("the configuration");
    std::fs::write(scene.file("state"), "").expect("a file");
    let path = scene.file("config.yaml").display().to_string();
    quittance_in(environment, &["run", "--config", &path]).err
}

#[test]
fn debug_logs_more_unless_the_environment_says_what_is_logged() {
    let with = |debug: &str| Scene::new().but("  name: aws01", &format!("  name: aws01\n  debug: {debug}"));
    assert!(says(&with("true"), &[]).contains("DEBUG"));
    assert!(!says(&with("false"), &[]).contains("DEBUG"));
    assert!(!says(&with("true"), &[("QUITTANCE_LOG", "info")]).contains("DEBUG"));
}
