//! The fence at the wire: nothing of a writing client leaves the process without leadership.
//!
//! A request passes through queues of the HTTP client before it is written to its connection. A process
//! that is stopped meanwhile would send it when it wakes, maybe long after another has taken the lease.
//! So the connections themselves ask the fence before every write.

use super::Fence;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower::{BoxError, Service, ServiceBuilder};

/// A client whose connections carry nothing while the fence is closed. It repeats nothing by itself.
pub fn client(config: &Config, fence: Fence) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    let tls = config.rustls_https_connector_with_connector(Connector { tcp, fence })?;
    let http: hyper_util::client::legacy::Client<_, Body> = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(tls);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(http);
    Ok(Client::new(service, &config.default_namespace))
}

#[derive(Clone)]
struct Connector {
    tcp: HttpConnector,
    fence: Fence,
}

impl Service<http::Uri> for Connector {
    type Response = Wire;
    type Error = <HttpConnector as Service<http::Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context)
    }

    fn call(&mut self, to: http::Uri) -> Self::Future {
        let (connecting, fence) = (self.tcp.call(to), self.fence.clone());
        Box::pin(async move { connecting.await.map(|tcp| Wire { tcp, fence }) })
    }
}

/// A connection that asks the fence before it writes. Once refused it is of no use any more, and the
/// client makes another.
struct Wire {
    tcp: TokioIo<TcpStream>,
    fence: Fence,
}

impl Wire {
    fn ask(&self) -> io::Result<()> {
        if self.fence.holds() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::PermissionDenied, "not the leader")) }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.tcp.connected()
    }
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.ask()?;
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.ask()?;
        Pin::new(&mut self.tcp).poll_write_vectored(context, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::Api;
    use kube::api::PostParams;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Counts the bytes that arrive, and answers nothing well.
    async fn listener() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&arrived);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let read = connection.read(&mut buffer).await.unwrap_or(0);
                count.fetch_add(read, Ordering::SeqCst);
                let _ = connection.write_all(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n").await;
            }
        });
        (format!("http://{address}"), arrived)
    }

    #[tokio::test]
    async fn nothing_leaves_while_the_fence_is_closed() {
        let (address, arrived) = listener().await;
        let config = Config::new(address.parse().unwrap());
        let namespace =
            Namespace { metadata: kube::core::ObjectMeta { name: Some("ogre".into()), ..Default::default() }, ..Namespace::default() };
        let write = async |fence: Fence| {
            let api: Api<Namespace> = Api::all(client(&config, fence).unwrap());
            api.create(&PostParams::default(), &namespace).await.unwrap_err().to_string()
        };
        let refused = write(Fence::default()).await;
        assert_eq!(arrived.load(Ordering::SeqCst), 0, "{refused}");
        let answered = write(Fence::open()).await;
        assert!(arrived.load(Ordering::SeqCst) > 100, "{answered}");
    }
}
