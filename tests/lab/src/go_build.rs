//! Building programs from Go modules, once, into the cache.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::{Doing, Error, Result};
use crate::guard::{Afterwards, Guard};
use crate::places::{cache, make, turn, write};
use crate::process::{kill_group, last_lines, run};
use crate::report::{Report, say};

/// Programs that are kept together in one folder of the cache.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// As it follows "building", with its version.
    pub(crate) what: String,
    /// How long it takes the first time.
    pub(crate) takes: &'static str,
    /// The first part of the folder's name in the cache.
    pub(crate) kind: &'static str,
    pub(crate) programs: Vec<Program>,
    /// Names in `bin/` that lead to the first program.
    pub(crate) links: &'static [&'static str],
}

/// One program out of one Go module.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The files of the module: name and content.
    pub(crate) files: &'static [(&'static str, &'static str)],
    pub(crate) package: &'static str,
    pub(crate) link_flags: String,
    /// Folders that the program needs at run time: the module, the folder in it, the folder beside `bin/` they go to.
    pub(crate) copies: &'static [(&'static str, &'static str, &'static str)],
}

/// The version at which a `go.mod` requires a module.
pub(crate) fn required<'a>(go_mod: &'a str, module: &str) -> Result<&'a str> {
    go_mod
        .lines()
        .find_map(|line| {
            let mut words = line.trim().trim_start_matches("require ").split_whitespace();
            // A replacement has an arrow there.
            (words.next() == Some(module)).then(|| words.next()).flatten().filter(|version| version.starts_with('v'))
        })
        .ok_or_else(|| Error::Invalid(format!("the lab's go.mod does not require {module}")))
}

/// That of a module's files, without the letter before it.
pub(crate) fn number<'a>(files: &[(&str, &'a str)], module: &str) -> Result<&'a str> {
    required(files.first().map_or("", |(_, go_mod)| go_mod), module).map(|version| version.trim_start_matches('v'))
}

impl Recipe {
    /// The folder with the built programs in its `bin/`; builds them if they are not there.
    pub(crate) fn ensure(&self) -> Result<PathBuf> {
        let builds = cache()?.join("lab");
        make(&builds)?;
        let key = self.key(&go_version()?);
        let finished = builds.join(&key);
        if finished.is_dir() {
            return Ok(finished);
        }
        let _turn = turn(&builds.join(format!(".{key}.lock")), &format!("building {}", self.what))?;
        if !finished.is_dir() {
            self.build(&builds.join(format!(".{key}.building")), &finished)?;
        }
        Ok(finished)
    }

    fn key(&self, go_version: &str) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &str| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        add(go_version);
        self.links.iter().for_each(|link| add(link));
        for program in &self.programs {
            [program.name, program.package, &program.link_flags].into_iter().for_each(&mut add);
            for (name, content) in program.files {
                add(name);
                add(content);
            }
            for (module, from, to) in program.copies {
                [*module, *from, *to].into_iter().for_each(&mut add);
            }
        }
        let mut key = format!("{}-", self.kind);
        for byte in hash.finalize().iter().take(8) {
            // Writing to a string does not fail.
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    fn build(&self, building: &Path, finished: &Path) -> Result<()> {
        // Left by a build that was killed.
        match fs::remove_dir_all(building) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).doing(|| format!("remove {}", building.display()));
            }
            _ => make(building)?,
        }
        let mut guard = Guard::post(building, Afterwards::Remove)?;
        let bin = building.join("bin");
        make(&bin)?;
        let mut report = Report::new();
        for program in &self.programs {
            program.build(building, self, &mut guard, &mut report)?;
        }
        if let Some(first) = self.programs.first() {
            for link in self.links {
                let at = bin.join(link);
                std::os::unix::fs::symlink(first.name, &at).doing(|| format!("make the link {}", at.display()))?;
            }
        }
        guard.leave()?;
        fs::rename(building, finished).doing(|| format!("rename {} to {}", building.display(), finished.display()))?;
        say(&format!("built {} in {}: {}", self.what, report.so_far(), finished.display()));
        Ok(())
    }
}

impl Program {
    fn build(&self, building: &Path, recipe: &Recipe, guard: &mut Guard, report: &mut Report) -> Result<()> {
        let source = building.join("src").join(self.name);
        make(&source)?;
        for (name, content) in self.files {
            let file = source.join(name);
            make(file.parent().unwrap_or(&source))?;
            write(&file, content)?;
        }
        let log = building.join(format!("{}.log", self.name));
        let out = File::create(&log).doing(|| format!("open {}", log.display()))?;
        let err = out.try_clone().doing(|| format!("open {} twice", log.display()))?;
        let child = Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", &self.link_flags, "-o"])
            .arg(building.join("bin").join(self.name))
            .arg(self.package)
            .current_dir(&source)
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Error::NoGo)?;
        let mut build = Running(child);
        guard.watch(build.0.id())?;
        loop {
            report.say(|so_far| format!("building {} from Go modules: {so_far} so far; {}, once", recipe.what, recipe.takes));
            match build.0.try_wait().doing(|| "wait for go build".to_owned())? {
                None => sleep(Duration::from_millis(100)),
                Some(status) if status.success() => return self.copy(&source, building),
                Some(status) => {
                    return Err(Error::Build {
                        what: recipe.what.clone(),
                        why: format!("{} ended with {status}", self.name),
                        said: last_lines(&log),
                    });
                }
            }
        }
    }
}

impl Program {
    /// Copies folders of modules, which the build has fetched.
    fn copy(&self, source: &Path, building: &Path) -> Result<()> {
        for (module, from, to) in self.copies {
            let mut list = Command::new("go");
            list.args(["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module]).current_dir(source).env("GOWORK", "off");
            let fetched = run(&mut list).map_err(|error| match error {
                Error::Io { source, .. } => Error::NoGo(source),
                other => other,
            })?;
            let to = building.join(to);
            make(&to)?;
            // Without the modes: fetched modules are read-only.
            run(Command::new("cp").args(["-R", "--no-preserve=mode", "--"]).arg(Path::new(fetched.trim()).join(from).join(".")).arg(&to))?;
        }
        Ok(())
    }
}

/// A build that ends when it is let go.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            kill_group(self.0.id());
            // Not being able to wait means that it is gone.
            let _ = self.0.wait();
        }
    }
}

fn go_version() -> Result<String> {
    run(Command::new("go").args(["env", "GOVERSION", "GOOS", "GOARCH"])).map_err(|error| match error {
        Error::Io { source, .. } => Error::NoGo(source),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_found_in_a_block_and_alone() {
        assert_eq!(required("require a.b/c v1.2.3\n", "a.b/c").unwrap(), "v1.2.3");
        assert_eq!(required("require (\n\ta.b/c v1.2.3 // indirect\n)\n", "a.b/c").unwrap(), "v1.2.3");
        assert!(required("require a.b/cd v1.2.3\n", "a.b/c").is_err());
        let replaced = "replace (\n\ta.b/c => d.e/f v9.9.9\n)\nrequire (\n\ta.b/c v1.2.3 // indirect\n)\n";
        assert_eq!(required(replaced, "a.b/c").unwrap(), "v1.2.3");
    }
}
