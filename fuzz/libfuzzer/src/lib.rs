//! libFuzzer, for `fuzz/run`.
