//! A proxy that spoils what passes between a client and an S3 server, when it is told to, and counts.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::{Doing, Result};

/// What the proxy does to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// Each waits this long.
    Latency(Duration),
    /// Each is answered with this status and never reaches the server.
    Status(u16),
    /// What is fetched ends in the middle.
    Truncate,
    /// Connections are refused, and those that are open end.
    Outage,
}

type Answer = Response<BoxBody<Bytes, io::Error>>;

/// A running proxy. It ends with this value.
#[derive(Debug)]
pub struct FaultProxy {
    listens: SocketAddr,
    fault: watch::Sender<Fault>,
    requests: Arc<AtomicU64>,
    _runtime: Runtime,
}

impl FaultProxy {
    /// Starts a proxy in front of a server, on a free port of this machine alone.
    pub fn start(server: SocketAddr) -> Result<Self> {
        Self::start_at(server, IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    /// Starts a proxy in front of a server, on a free port of an address.
    pub fn start_at(server: SocketAddr, address: IpAddr) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).doing(|| "find a free port".to_owned())?;
        let listens = listener.local_addr().doing(|| "find a free port".to_owned())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.doing(|| "start the proxy".to_owned())?;
        let (fault, told) = watch::channel(Fault::Pass);
        let requests = Arc::new(AtomicU64::new(0));
        runtime.spawn(serve(listener, listens, server, told, Arc::clone(&requests)));
        Ok(Self { listens, fault, requests, _runtime: runtime })
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.listens)
    }

    /// From now on does this.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
        // Until connections are refused, or accepted again.
        while (std::net::TcpStream::connect_timeout(&self.listens, Duration::from_secs(1)).is_err()) != (fault == Fault::Outage) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Requests since the start, whatever became of them.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn serve(first: TcpListener, listens: SocketAddr, server: SocketAddr, mut told: watch::Receiver<Fault>, requests: Arc<AtomicU64>) {
    let mut first = Some(first);
    loop {
        // The port may be held for a moment by connections that are ending.
        let bound = first.take().map_or_else(|| TcpListener::bind(listens), Ok);
        let listener = bound.and_then(|listener| listener.set_nonblocking(true).and_then(|()| tokio::net::TcpListener::from_std(listener)));
        let Ok(listener) = listener else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut connections = JoinSet::new();
        while *told.borrow_and_update() != Fault::Outage {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                changed = told.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            let Ok((stream, _)) = accepted else { continue };
            let (told, requests) = (told.clone(), Arc::clone(&requests));
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    requests.fetch_add(1, Ordering::SeqCst);
                    let fault = *told.borrow();
                    async move { Ok::<_, Infallible>(pass(request, server, fault).await) }
                });
                // A client that goes is none of the proxy's concern.
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
        drop(listener);
        connections.shutdown().await;
        while *told.borrow_and_update() == Fault::Outage {
            if told.changed().await.is_err() {
                return;
            }
        }
    }
}

async fn pass(request: Request<Incoming>, server: SocketAddr, fault: Fault) -> Answer {
    match fault {
        Fault::Status(status) => return refusal(status),
        Fault::Latency(latency) => tokio::time::sleep(latency).await,
        _ => {}
    }
    let cut = fault == Fault::Truncate && request.method() == Method::GET && request.uri().query().is_none();
    match forward(request, server).await {
        Ok(answer) if cut => truncated(answer).await,
        Ok(answer) => answer.map(|body| body.map_err(io::Error::other).boxed()),
        Err(_) => refusal(502),
    }
}

/// The request as it came, its host too: that is signed.
async fn forward(
    request: Request<Incoming>,
    server: SocketAddr,
) -> std::result::Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

/// As S3 servers refuse.
fn refusal(status: u16) -> Answer {
    let code = match status {
        403 => "AccessDenied",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>The proxy answers {status}.</Message></Error>");
    let mut answer = Response::new(Full::from(text).map_err(|never| match never {}).boxed());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    answer
}

/// The first half; the length that was promised stays.
async fn truncated(answer: Response<Incoming>) -> Answer {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    head.headers.insert(hyper::header::CONTENT_LENGTH, whole.len().into());
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(head, Half(Some(half)).boxed())
}

/// A body that ends with an error after its first piece.
struct Half(Option<Bytes>);

impl Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(Some(match self.0.take() {
            Some(half) => Ok(Frame::data(half)),
            None => Err(io::Error::other("the rest is not sent")),
        }))
    }
}
