//! Runs files through a target: `kopnams-fuzz TARGET FILE…`. Built by `fuzz/run` it is the fuzzer itself, with libFuzzer's main
//! function and flags, and `KOPNAMS_FUZZ_TARGET` names the target.
#![allow(unexpected_cfgs, reason = "`fuzz/rustc` sets it")]
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod fuzzer {
    use kopnams_fuzz::Target;
    use std::sync::LazyLock;

    static TARGET: LazyLock<Result<Target, String>> =
        LazyLock::new(|| Target::named(&std::env::var("KOPNAMS_FUZZ_TARGET").unwrap_or_default()).map_err(|error| error.to_string()));

    libfuzzer_sys::fuzz_target!(|input: &[u8]| {
        let ran = TARGET.clone().and_then(|target| target.run(input).map_err(|error| format!("{error:#}")));
        assert_eq!(ran, Ok(()));
    });
}

#[cfg(not(fuzzing))]
fn main() -> anyhow::Result<()> {
    use anyhow::Context;
    let mut args = std::env::args().skip(1);
    let target = kopnams_fuzz::Target::named(&args.next().unwrap_or_default())?;
    for file in args {
        let input = std::fs::read(&file).with_context(|| format!("cannot read {file}"))?;
        target.run(&input)?;
        println!("{file}: fine");
    }
    Ok(())
}
