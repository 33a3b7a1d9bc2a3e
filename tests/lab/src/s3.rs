//! An S3 server on this machine: versitygw over a folder, with versions of objects and users of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::binaries::BackupTools;
use crate::error::{Doing, Error, Result};
use crate::guard::Guard;
use crate::places::{free, make};
use crate::process::{Component, Lifetime};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running S3 server. It ends with this value, or with this process.
#[derive(Debug)]
pub struct S3 {
    component: Option<Component>,
    program: PathBuf,
    folder: PathBuf,
    listens: SocketAddr,
    access_key: String,
    secret_key: String,
    /// Last, so that it is let go when the server has ended: it removes the folder.
    guard: Guard,
}

impl S3 {
    /// Starts a server on a free port of this machine alone.
    pub fn start(tools: &BackupTools) -> Result<Self> {
        Self::start_at(tools, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Starts a server on a free port of an address, such as one that a lab's pods can reach.
    pub fn start_at(tools: &BackupTools, address: IpAddr) -> Result<Self> {
        let (folder, guard) = Guard::over_new("kopnams-s3-", "the S3 server")?;
        let listens = free(address)?;
        for part in ["data", "versions", "users"] {
            make(&folder.join(part))?;
        }
        let (access_key, secret_key) = (random(10)?, random(20)?);
        let mut s3 = Self { component: None, program: tools.versitygw(), folder, listens, access_key, secret_key, guard };
        s3.restart()?;
        Ok(s3)
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.listens)
    }

    /// The address in it.
    #[must_use]
    pub fn listens(&self) -> SocketAddr {
        self.listens
    }

    /// The administrator's id.
    #[must_use]
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The administrator's key.
    #[must_use]
    pub fn secret_key(&self) -> &str {
        &self.secret_key
    }

    /// The folder of a bucket, for spoiling what is in it behind the server's back.
    #[must_use]
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    /// Kills the server. What it answered before stays.
    pub fn kill(&mut self) {
        self.component = None;
    }

    /// Starts the server again on its old address, and waits until it answers.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let at = |part: &str| self.folder.join(part).display().to_string();
        let args = [
            format!("--port={}", self.listens),
            // Keys for a server of a test's own, which is gone when the test is.
            format!("--access={}", self.access_key),
            format!("--secret={}", self.secret_key),
            format!("--iam-dir={}", at("users")),
            // A user that is removed is gone at once.
            "--iam-cache-disable".to_owned(),
            "--quiet".to_owned(),
            "posix".to_owned(),
            format!("--versioning-dir={}", at("versions")),
            at("data"),
        ];
        let component = Component::start("versitygw", &self.program, &args, &self.folder, Lifetime::WithParent, &mut self.guard)?;
        self.component = Some(component);
        let began = Instant::now();
        loop {
            if let Some(component) = &mut self.component {
                component.check()?;
            }
            let last = match answers(self.listens) {
                Ok(()) => return Ok(()),
                Err(error) => error.to_string(),
            };
            if began.elapsed() > PATIENCE {
                return Err(Error::NotReady {
                    waiting_for: "the S3 server's answer".to_owned(),
                    seconds: PATIENCE.as_secs(),
                    last,
                    name: "versitygw".to_owned(),
                    log: self.component.as_ref().map(Component::last_lines).unwrap_or_default(),
                });
            }
            sleep(Duration::from_millis(20));
        }
    }

    /// Removes a bucket with all its versions behind the server's back, as whoever has the machine could.
    pub fn wipe(&self, bucket: &str) -> Result<()> {
        for part in ["data", "versions"] {
            let folder = self.folder.join(part).join(bucket);
            if folder.exists() {
                fs::remove_dir_all(&folder).doing(|| format!("remove {}", folder.display()))?;
            }
        }
        Ok(())
    }

    /// The folder with everything of the server.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Whether it speaks HTTP, whatever it says.
fn answers(at: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: lab\r\n\r\n")?;
    let mut start = [0; 5];
    stream.read_exact(&mut start)?;
    if &start == b"HTTP/" { Ok(()) } else { Err(std::io::Error::other("this is not HTTP")) }
}

/// Letters and digits that nobody can guess.
fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| Error::Invalid(format!("no random bytes: {error}")))?;
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
        text
    }))
}
