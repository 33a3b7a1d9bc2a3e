//! The operator as a process: the real binary, stopped, killed and frozen like any other.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Seconds that the lease holds in these tests.
pub const LEASE: u64 = 5;

/// A running operator. Dropping it kills it; so does the end of the test process, whatever ends it.
pub struct Operator {
    child: Child,
    watchdog: Child,
    port: u16,
}

impl Operator {
    /// Starts the binary as the user of a kubeconfig; its log is appended to a file.
    pub fn start(kubeconfig: &Path, log: &Path) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_kopnams"))
            .args(["run", "--namespace", "kopnams-system", "--lease-seconds", &LEASE.to_string()])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("KOPNAMS_LOG", "kopnams=debug,warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        // It reads the end of its input when this process is gone.
        let watchdog = Command::new("/bin/sh")
            .args(["-c", "read -r end; kill -9 \"$1\" 2>/dev/null", "sh", &child.id().to_string()])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, watchdog, port }
    }

    /// SIGKILL: it can finish nothing.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let begun = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the operator does not end on SIGTERM");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGSTOP: it does nothing until it is thawed, and does not know of it.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Whether it has all its lists.
    pub fn is_ready(&self) -> bool {
        self.http("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"))
    }

    /// A metric's value by the beginning of its line.
    pub fn metric(&self, line: &str) -> Option<f64> {
        let text = self.http("/metrics")?;
        text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok())
    }

    /// Whether it says that it leads.
    pub fn leads(&self) -> bool {
        self.metric("kopnams_leading ") == Some(1.0)
    }

    fn http(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
        let _ = self.watchdog.kill();
        let _ = self.watchdog.wait();
    }
}
