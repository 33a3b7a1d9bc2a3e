//! Health and metrics over HTTP.

use super::Context;
use crate::apply::Fence;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;

/// Serves `/healthz`, `/readyz` and `/metrics`.
///
/// A standby is ready too: it has its lists and waits for the lease.
pub async fn start(listen: SocketAddr, ctx: Arc<Context>, fence: Fence) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let (for_ready, for_metrics) = (Arc::clone(&ctx), ctx);
    let ready = move || {
        let synced = for_ready.world().synced();
        async move { if synced { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "still listing\n") } }
    };
    let metrics = move || {
        let leads = i32::from(fence.holds());
        let help = "# HELP kopnams_leading Whether this process holds the lease.\n# TYPE kopnams_leading gauge\n";
        let text = format!("{help}kopnams_leading {leads}\n{}", for_metrics.metrics.text(&for_metrics));
        async move { ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response() }
    };
    let router = Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).route("/metrics", get(metrics));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "health and metrics are no longer served");
        }
    });
    Ok(())
}
