//! Who makes buckets and users: a tenant's own, so that no tenant can read another's or delete what is backed up.

mod versitygw;

use super::super::work::{Issue, Issuer, Repository};
use super::failure::Outcome;
use super::restic::Credentials;
use std::fmt;

/// Makes a tenant's place on a target, and takes it away. Everything can be done again.
pub(crate) trait Issues: fmt::Debug {
    /// A bucket that keeps all versions, and a writer that can delete nothing in it but locks.
    fn issue(&self, writer: &Credentials) -> Outcome<()>;

    /// Takes writer and bucket away. The bucket must be empty.
    fn withdraw(&self, writer: Option<&str>) -> Outcome<()>;
}

/// Who issues what an order asks for.
pub(crate) fn issuer(issue: &Issue, repository: &Repository, admin: &Credentials) -> Outcome<Box<dyn Issues>> {
    Ok(match issue.issuer {
        Issuer::Versitygw => Box::new(versitygw::Versitygw::new(issue, repository, admin)?),
    })
}

/// What a writer may do: read, write and list, and delete locks. Overwriting makes a version, which it cannot delete.
fn policy(writer: &str, bucket: &str, prefix: &str) -> String {
    let place = format!("arn:aws:s3:::{bucket}");
    let below = if prefix.is_empty() { place.clone() } else { format!("{place}/{}", prefix.trim_matches('/')) };
    let allow = |action: &[&str], resource: String| serde_json::json!({"Effect": "Allow", "Principal": {"AWS": [writer]}, "Action": action, "Resource": [resource]});
    let statements = [
        allow(&["s3:ListBucket", "s3:GetBucketLocation"], place),
        allow(&["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], format!("{below}/*")),
        allow(&["s3:DeleteObject"], format!("{below}/locks/*")),
    ];
    serde_json::json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// The writer that a policy is for.
fn writer(policy: &str) -> Option<String> {
    let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
    policy["Statement"][0]["Principal"]["AWS"][0].as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_locks_can_be_deleted() {
        for (prefix, locks) in [("", "arn:aws:s3:::b/locks/*"), ("ogre", "arn:aws:s3:::b/ogre/locks/*")] {
            let text = policy("w1", "b", prefix);
            assert_eq!(writer(&text).as_deref(), Some("w1"));
            let policy: serde_json::Value = serde_json::from_str(&text).unwrap();
            let deletes: Vec<_> =
                policy["Statement"].as_array().unwrap().iter().filter(|one| one["Action"].to_string().contains("Delete")).collect();
            assert_eq!(deletes.len(), 1);
            assert_eq!(deletes[0]["Resource"], serde_json::json!([locks]));
            assert!(!text.contains("Version\"]") && !text.contains("s3:*"));
        }
    }
}
