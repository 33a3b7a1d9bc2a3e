//! The S3 server and the proxy that spoils what passes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use kopnams_lab::{BackupTools, Fault, FaultProxy, S3};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The status of an answer to a request without a signature; none if nobody answers.
fn ask(endpoint: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://")).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n").ok()?;
    let mut said = String::new();
    stream.read_to_string(&mut said).ok()?;
    said.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_server_ends_and_comes_back_and_leaves_nothing() {
    let Some(tools) = BackupTools::ensure_or_skip("the S3 server").unwrap() else { return };
    let mut s3 = S3::start(&tools).unwrap();
    let (endpoint, folder) = (s3.endpoint(), s3.folder().to_owned());
    assert_eq!(ask(&endpoint), Some(403));
    s3.kill();
    assert_eq!(ask(&endpoint), None);
    s3.restart().unwrap();
    assert_eq!(ask(&endpoint), Some(403));
    let other = S3::start(&tools).unwrap();
    assert_ne!((other.endpoint(), other.secret_key()), (endpoint.clone(), s3.secret_key()));
    drop(s3);
    assert_eq!(ask(&endpoint), None);
    assert!(!folder.exists());
}

#[test]
fn the_proxy_does_what_it_is_told_and_counts() {
    let Some(tools) = BackupTools::ensure_or_skip("the proxy before the S3 server").unwrap() else { return };
    let s3 = S3::start(&tools).unwrap();
    let proxy = FaultProxy::start(s3.listens()).unwrap();
    assert_eq!(ask(&proxy.endpoint()), Some(403));
    proxy.set(Fault::Status(503));
    assert_eq!(ask(&proxy.endpoint()), Some(503));
    proxy.set(Fault::Outage);
    assert_eq!(ask(&proxy.endpoint()), None);
    proxy.set(Fault::Latency(Duration::from_millis(200)));
    let began = Instant::now();
    assert_eq!(ask(&proxy.endpoint()), Some(403));
    assert!(began.elapsed() >= Duration::from_millis(200));
    proxy.set(Fault::Pass);
    assert_eq!(ask(&proxy.endpoint()), Some(403));
    assert_eq!(proxy.requests(), 4);
}
