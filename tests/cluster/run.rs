//! How a test gets its world: the shared one, or one alone. Each says how long it took.

use std::io::Write;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::world::World;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
static SHARED: OnceLock<World> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

/// Runs a test in the lab that all share, one test at a time, with the operator running.
pub fn shared(name: &str, test: impl AsyncFnOnce(&World)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    timed(name, || {
        let world = SHARED.get_or_init(|| {
            RUNTIME.block_on(async {
                let world = World::start().await;
                world.furnish().await;
                world
            })
        });
        RUNTIME.block_on(async {
            world.ensure_operator().await;
            test(world).await;
        });
    });
}

/// Runs a test in a lab of its own.
pub fn alone(name: &str, test: impl AsyncFnOnce(&mut World)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    timed(name, || {
        RUNTIME.block_on(async {
            let mut world = World::start().await;
            world.ensure_operator().await;
            test(&mut world).await;
        });
    });
}

fn timed(name: &str, test: impl FnOnce()) {
    if std::env::var_os("KOPNAMS_TEST_USE_KUBECONFIG").is_some_and(|value| !value.is_empty() && value != "0") {
        say(&format!("{name}: skipped: it needs a control plane of its own, with an audit log and its tokens"));
        return;
    }
    let begun = Instant::now();
    test();
    say(&format!("{name}: {:.1} s", begun.elapsed().as_secs_f64()));
}

/// Past the test harness, which would hide it.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
