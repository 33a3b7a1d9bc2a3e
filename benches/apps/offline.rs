//! `kopnams validate`, `plan` and `review` of many requests, each a process of its own: how long it takes and the most memory
//! that it had, beside kubeconform on the same files.

use anyhow::{Context, Result, ensure};
use kopnams::request::{VERSION, crds};
use kopnams_lab::Tools;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Requests of one municipality.
const EACH: usize = 100;
const ROUNDS: usize = 3;

/// What one command took, the fastest of some rounds.
#[derive(Clone, Copy)]
struct Taken {
    seconds: f64,
    megabytes: u64,
}

/// Measures everything for so many requests.
pub fn measure(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let repository = Repository::make(folder.path(), count)?;
    println!("requests | what | seconds, least of {ROUNDS} | peak MB | ratio to kubeconform");
    let conform = repository.kubeconform()?;
    let row = |what: &str, taken: Taken| {
        let ratio = conform.map_or_else(|| "not measured".into(), |conform| format!("{:.2}", taken.seconds / conform.seconds));
        println!("{count} | {what} | {:.3} | {} | {ratio}", taken.seconds, taken.megabytes);
    };
    if let Some(conform) = conform {
        row("kubeconform, the schema alone", conform);
    }
    let paths = ["platform", "municipalities"];
    row("kopnams validate", repository.kopnams(&["validate"], &paths)?);
    row("kopnams plan", repository.kopnams(&["plan"], &paths)?);
    repository.change()?;
    let sides = ["--base", "main~1", "--head", "main"];
    row("kopnams plan --base --head, one file changed", repository.kopnams(&["plan"], &sides)?);
    let author = ["--author", "platform-admin"];
    row("kopnams review --base --head, one file changed", repository.kopnams(&["review"], &[&sides[..], &author].concat())?);
    Ok(())
}

/// A repository of requests, with its platform.
struct Repository<'a> {
    folder: &'a Path,
}

impl<'a> Repository<'a> {
    fn make(folder: &'a Path, count: usize) -> Result<Self> {
        let made = Self { folder };
        let platform = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/platform");
        let copied = Command::new("cp").arg("-r").arg(platform).arg(folder.join("platform")).status()?;
        ensure!(copied.success(), "the platform cannot be copied");
        for number in 0..count.div_ceil(EACH) {
            let slug = format!("bench-{number}");
            let code = 9_000_000 + number;
            let municipality = format!(
                "apiVersion: kopnams.lv/v1alpha1\nkind: Municipality\nmetadata: {{name: {slug}}}\nspec:\n  code: \"{code}\"\n  title: {{lv: Mērījums, en: Benchmark}}\n  peerGroup: municipality\n  allotment: {{cpu: \"1000\", memory: 4000Gi, storage: 9000Gi, apps: 1000}}\n  zones: [{slug}.example.lv]\n  contacts: {{technical: it@example.lv, security: drosiba@example.lv, dataProtection: dati@example.lv}}\n"
            );
            fs::write(folder.join("platform/municipalities").join(format!("{slug}.yaml")), municipality)?;
            fs::create_dir_all(folder.join("municipalities").join(slug))?;
        }
        for number in 0..count {
            fs::write(made.file(number), request(number, "Mērījums"))?;
        }
        fs::write(folder.join("access.yaml"), "platform: [\"@platform-admin\"]\n")?;
        made.git(&["init", "--quiet", "--initial-branch=main"])?;
        made.commit()?;
        // As a clone has it.
        made.git(&["repack", "-adq"])?;
        Ok(made)
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.join(format!("municipalities/bench-{}/app-{number}.yaml", number / EACH))
    }

    /// One request becomes otherwise.
    fn change(&self) -> Result<()> {
        fs::write(self.file(EACH / 2), request(EACH / 2, "Cits"))?;
        self.commit()
    }

    fn commit(&self) -> Result<()> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message=x"])
    }

    fn git(&self, args: &[&str]) -> Result<()> {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=bench", "-c", "user.email=bench@example.lv", "-c", "commit.gpgsign=false"]).args(args);
        let status = command.current_dir(self.folder).env("GIT_CONFIG_GLOBAL", "/dev/null").status()?;
        ensure!(status.success(), "git {args:?}: {status}");
        Ok(())
    }

    fn kopnams(&self, command: &[&str], args: &[&str]) -> Result<Taken> {
        self.least(|| {
            let mut kopnams = Command::new(env!("CARGO_BIN_EXE_kopnams"));
            kopnams.args(command).args(args);
            kopnams
        })
    }

    /// None where the lab's tools cannot be built.
    fn kubeconform(&self) -> Result<Option<Taken>> {
        let Some(tools) = Tools::ensure_or_skip("kubeconform is not measured")? else { return Ok(None) };
        let definitions = crds();
        let definition = definitions.iter().find(|definition| definition.spec.names.kind == "MunicipalityApp").context("no definition")?;
        let version = definition.spec.versions.iter().find(|version| version.name == VERSION).context("no version")?;
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        fs::write(self.folder.join("municipalityapp.json"), serde_json::to_vec(&schema)?)?;
        let taken = self.least(|| {
            let mut command = Command::new(tools.kubeconform());
            command.args(["-summary", "-schema-location", "{{.ResourceKind}}.json", "municipalities"]);
            command
        })?;
        fs::remove_file(self.folder.join("municipalityapp.json"))?;
        Ok(Some(taken))
    }

    fn least(&self, command: impl Fn() -> Command) -> Result<Taken> {
        let mut least = self.run(command())?;
        for _ in 1..ROUNDS {
            let taken = self.run(command())?;
            least = Taken { seconds: least.seconds.min(taken.seconds), megabytes: least.megabytes.max(taken.megabytes) };
        }
        Ok(least)
    }

    fn run(&self, mut command: Command) -> Result<Taken> {
        command.current_dir(self.folder).stdout(Stdio::null());
        let begun = Instant::now();
        let mut child = command.spawn()?;
        let file = format!("/proc/{}/status", child.id());
        let mut kilobytes = 0;
        // The kernel keeps the most there ever was; it is asked for it until the process has ended.
        let status = loop {
            let status = fs::read_to_string(&file).unwrap_or_default();
            let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            kilobytes = most.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(kilobytes);
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(status.success(), "{command:?}: {status}");
        Ok(Taken { seconds, megabytes: u64::div_ceil(kilobytes, 1024) })
    }
}

fn request(number: usize, title: &str) -> String {
    let (slug, mut text) = (format!("bench-{}", number / EACH), String::new());
    let _ = write!(
        text,
        "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {{name: app-{number}, namespace: {slug}}}\nspec:\n  system: website\n  hostname: app-{number}.{slug}.example.lv\n  parameters: {{siteTitle: {title}}}\n"
    );
    text
}
