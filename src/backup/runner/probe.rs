//! Whether a target answers at all.

use super::super::work::Repository;
use super::restic::Credentials;
use super::s3::{Ask, S3};

/// Asks the endpoint; an error in plain words when it does not answer, or only with errors of its own. It is asked without
/// a valid key, so a refusal is as good an answer as any. Blocks for some seconds when nobody answers.
pub fn answers(endpoint: &str, ca_bundle: Option<&str>) -> Result<(), String> {
    let repository = Repository { endpoint: endpoint.into(), ca_bundle: ca_bundle.map(Into::into), ..Repository::default() };
    let nobody = Credentials { access_key: "probe".into(), secret_key: "probe".into() };
    let client = S3::new(endpoint, &repository, &nobody).map_err(|failure| failure.message)?;
    let answer = client.ask(&Ask { method: "GET", path: "/", ..Ask::default() }).map_err(|failure| failure.message)?;
    if answer.status < 500 { Ok(()) } else { Err(format!("it answers with the error {}", answer.status)) }
}
