//! A short stretch of fuzzing, from a fixed seed. `make soak` goes on from there.

#![allow(clippy::unwrap_used, reason = "tests may fail by unwrapping")]

use std::path::Path;
use std::process::Command;

/// Runs each target for some seconds; without g++ outside CI `fuzz/run` says that nothing is fuzzed.
#[test]
fn nothing_breaks_what_is_read_decided_and_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // Those are of the package that is tested, and the fuzzer is built from another one.
    let mut command = Command::new("fuzz/run");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR") {
        command.env_remove(name);
    }
    let status = command.current_dir(root).status().unwrap();
    assert!(status.success(), "{status}");
}
