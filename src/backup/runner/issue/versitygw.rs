//! The administration of versitygw: users are made by requests of its own, the rest is S3.

use super::super::super::work::{Issue, Repository};
use super::super::failure::{Failure, Outcome};
use super::super::restic::Credentials;
use super::super::s3::{Ask, S3, escaped};
use super::{Issues, policy, writer};

/// A versitygw with the credentials of its administrator.
#[derive(Debug)]
pub(super) struct Versitygw {
    s3: S3,
    administration: S3,
    bucket: String,
    prefix: String,
    lock_days: u32,
}

impl Versitygw {
    pub(super) fn new(issue: &Issue, repository: &Repository, admin: &Credentials) -> Outcome<Self> {
        let administration = issue.endpoint.as_deref().unwrap_or(&repository.endpoint);
        Ok(Self {
            s3: S3::new(&repository.endpoint, repository, admin)?,
            administration: S3::new(administration, repository, admin)?,
            bucket: repository.bucket.clone(),
            prefix: repository.prefix.clone(),
            lock_days: issue.lock_days,
        })
    }

    fn bucket(
        &self,
        method: &str,
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: &str,
        doing: &str,
        fine: &[&str],
    ) -> Outcome<String> {
        let path = format!("/{}", self.bucket);
        Ok(self.s3.ask(&Ask { method, path: &path, query, headers, body: body.to_owned().into() })?.unless(doing, fine)?.body)
    }

    fn user(&self, writer: &Credentials) -> Outcome<()> {
        let (access, secret) = (escaped(&writer.access_key), escaped(&writer.secret_key));
        let body = format!("<Account><Access>{access}</Access><Secret>{secret}</Secret><Role>user</Role></Account>");
        let ask = Ask { method: "PATCH", path: "/create-user", body: body.into(), ..Ask::default() };
        let made = self.administration.ask(&ask)?.unless("Making the tenant's user", &["XAdminUserExists"])?;
        if made.is_fine() {
            return Ok(());
        }
        // It is there: from now on with this key.
        let body = format!("<MutableProps><Secret>{secret}</Secret><Role>user</Role></MutableProps>");
        let ask =
            Ask { method: "PATCH", path: "/update-user", query: &[("access", &writer.access_key)], body: body.into(), ..Ask::default() };
        self.administration.ask(&ask)?.unless("Changing the key of the tenant's user", &[]).map(drop)
    }
}

impl Issues for Versitygw {
    fn issue(&self, writer: &Credentials) -> Outcome<()> {
        let locks = [("x-amz-bucket-object-lock-enabled", "true")];
        let headers: &[_] = if self.lock_days > 0 { &locks } else { &[] };
        self.bucket("PUT", &[], headers, "", "Making the tenant's bucket", &["BucketAlreadyOwnedByYou"])?;
        let body = r#"<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>"#;
        self.bucket("PUT", &[("versioning", "")], &[], body, "Turning on versions", &[])?;
        let versioning = self.bucket("GET", &[("versioning", "")], &[], "", "Asking whether versions are kept", &[])?;
        if !versioning.contains("Enabled") {
            return Err(Failure::order("The target does not keep versions of objects, so a writer could overwrite what is backed up."));
        }
        if self.lock_days > 0 {
            let days = self.lock_days;
            let body = format!(
                r#"<ObjectLockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>{days}</Days></DefaultRetention></Rule></ObjectLockConfiguration>"#
            );
            self.bucket("PUT", &[("object-lock", "")], &[], &body, "Locking versions", &[])?;
        }
        self.user(writer)?;
        let policy = policy(&writer.access_key, &self.bucket, &self.prefix);
        self.bucket("PUT", &[("policy", "")], &[], &policy, "Allowing the tenant's user to write", &[]).map(drop)
    }

    fn withdraw(&self, named: Option<&str>) -> Outcome<()> {
        let gone = ["NoSuchBucket", "NoSuchBucketPolicy"];
        let policy = self.bucket("GET", &[("policy", "")], &[], "", "Asking who may write", &gone)?;
        self.bucket("DELETE", &[("policy", "")], &[], "", "Withdrawing what the tenant's user may do", &gone)?;
        // The user before the bucket: as long as there is a bucket, it says who may write in it.
        let access = named.map(ToOwned::to_owned).or_else(|| writer(&policy));
        if let Some(access) = access {
            let ask = Ask { method: "PATCH", path: "/delete-user", query: &[("access", &access)], ..Ask::default() };
            self.administration.ask(&ask)?.unless("Removing the tenant's user", &["XAdminUserNotFound", "InvalidAccessKeyId"])?;
        }
        self.bucket("DELETE", &[], &[], "", "Removing the tenant's bucket", &gone).map(drop)
    }
}
