//! Takes a tenant's repository away with all its versions, and what was issued for it. Done again it changes nothing.

use super::super::work::{Issue, Report, WRITER_ACCESS_KEY_FILE};
use super::failure::{Failure, Outcome};
use super::{Runner, issue, secret, timed};

impl Runner {
    /// Destroys everything below the repository's prefix, then the writer and the bucket that were issued.
    pub(crate) fn destroy(&self, report: &mut Report, issued: Option<&Issue>) -> Outcome<()> {
        let repository = &self.work.repository;
        // With the slash: a neighbour's prefix may begin with the same letters.
        let prefix = match repository.prefix.trim_matches('/') {
            "" if issued.is_none() => {
                return Err(Failure::order(
                    "The repository has no prefix and its bucket was not issued: other things may be in the bucket.",
                ));
            }
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let s3 = self.s3()?;
        let gone = timed(report, "destroy", || s3.empty(&repository.bucket, &prefix))?;
        if let Some(issued) = issued {
            let writer = secret(&self.folder, WRITER_ACCESS_KEY_FILE).ok();
            let issuer = issue::issuer(issued, repository, self.restic.credentials())?;
            timed(report, "withdraw", || issuer.withdraw(writer.as_deref()))?;
        }
        report.message = format!("{gone} versions of objects are destroyed; nothing of the repository is left.");
        Ok(())
    }
}
