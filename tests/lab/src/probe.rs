//! Asking the API server for one path, over TLS, without a client library.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, IpAddr, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::error::{Error, Result};

/// Asks as the lab's admin.
#[derive(Debug)]
pub(crate) struct Probe {
    config: Arc<ClientConfig>,
    token: String,
    address: Ipv4Addr,
}

impl Probe {
    pub(crate) fn new(authority: &[u8], token: &str, address: Ipv4Addr) -> Result<Self> {
        let refused = |error: rustls::Error| Error::Certificates(error.to_string());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority)).map_err(refused)?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(refused)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), token: token.to_owned(), address })
    }

    /// The status line of the answer, such as `HTTP/1.0 200 OK`.
    pub(crate) fn ask(&self, port: u16, path: &str) -> io::Result<String> {
        let address = SocketAddr::from((self.address, port));
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        let name = ServerName::IpAddress(IpAddr::from(std::net::IpAddr::from(self.address)));
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: {}:{port}\r\nAuthorization: Bearer {}\r\nUser-Agent: kopnams-lab\r\n\r\n",
            self.address, self.token
        )?;
        stream.flush()?;
        let mut start = [0; 64];
        let mut length = 0;
        while length < start.len() && !start.get(..length).unwrap_or_default().contains(&b'\r') {
            match stream.read(start.get_mut(length..).unwrap_or_default())? {
                0 => break,
                read => length += read,
            }
        }
        let text = String::from_utf8_lossy(start.get(..length).unwrap_or_default()).into_owned();
        Ok(text.lines().next().unwrap_or_default().trim_end().to_owned())
    }

    /// Whether the path is answered with 200; otherwise why not, in a few words.
    pub(crate) fn ok(&self, port: u16, path: &str) -> std::result::Result<(), String> {
        match self.ask(port, path) {
            Ok(line) if line.split(' ').nth(1) == Some("200") => Ok(()),
            Ok(line) => Err(format!("GET {path}: {line}")),
            Err(error) => Err(format!("GET {path}: {error}")),
        }
    }
}
