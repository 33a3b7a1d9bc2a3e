//! Makes a tenant's repository: its bucket and writer, the repository itself, and the escrow's key. Done again it changes
//! nothing. This is the only place where a repository is made.

use super::super::work::{Class, ESCROW_PASSWORD_FILE, Issue, Report, WRITER_ACCESS_KEY_FILE, WRITER_SECRET_KEY_FILE};
use super::failure::{Failure, Outcome};
use super::restic::{Call, Credentials};
use super::{Runner, escrow, issue, secret, timed};

/// restic's user name of the escrow's key.
pub const ESCROW_USER: &str = "kopnams-escrow";

impl Runner {
    /// Makes what is not there yet.
    pub(crate) fn prepare(&self, report: &mut Report, wanted: Option<&Issue>, recipient: Option<&str>, made: bool) -> Outcome<()> {
        if made {
            timed(report, "repository", || self.opens(None))?;
        }
        if let Some(wanted) = wanted {
            let writer = self.writer()?;
            let issuer = issue::issuer(wanted, &self.work.repository, self.restic.credentials())?;
            timed(report, "issue", || issuer.issue(&writer))?;
        }
        let made = timed(report, "repository", || self.repository())?;
        if let Some(recipient) = recipient {
            timed(report, "escrow", || self.escrow(recipient))?;
        }
        report.message.push_str(if made { "The repository is made." } else { "The repository was there and opens." });
        Ok(())
    }

    /// The writer that is made where a target isolates tenants.
    pub(super) fn writer(&self) -> Outcome<Credentials> {
        Ok(Credentials {
            access_key: secret(&self.folder, WRITER_ACCESS_KEY_FILE)?,
            secret_key: secret(&self.folder, WRITER_SECRET_KEY_FILE)?,
        })
    }

    /// Whether the repository had to be made.
    fn repository(&self) -> Outcome<bool> {
        match self.opens(None) {
            Ok(()) => return Ok(false),
            Err(failure) if failure.class == Class::Vanished => {}
            Err(failure) => return Err(failure),
        }
        self.restic.run(&Call { waits: false, ..Call::new(["init", "--repository-version=2"]) }).map_err(|failure| {
            // What is left of another repository: it does not open, and is not written over.
            if failure.message.contains("already") {
                let message = format!("There are files of another repository where this one should be. {}", failure.message);
                return Failure::new(Class::WrongKey, message);
            }
            failure
        })?;
        self.opens(None).map(|()| true)
    }

    /// Whether the repository opens with a password, the tenant's or that of a file.
    fn opens(&self, password: Option<&std::path::Path>) -> Outcome<()> {
        let call = Call { password_file: password, waits: false, ..Call::new(["cat", "config", "--no-lock"]) };
        self.restic.run(&call).map(drop)
    }

    /// Adds the second key, unless there is one that opens with its password.
    fn escrow(&self, recipient: &str) -> Outcome<()> {
        let file = std::path::absolute(self.folder.join(ESCROW_PASSWORD_FILE))
            .map_err(|error| Failure::local("Finding the escrow's password", &error))?;
        let sealed = escrow::seal(recipient, secret(&self.folder, ESCROW_PASSWORD_FILE)?.as_bytes())?;
        match self.opens(Some(&file)) {
            Ok(()) => {
                let said = self.restic.run(&Call::new(["key", "list"]))?;
                let keys: serde_json::Value = serde_json::from_str(&said.text())
                    .map_err(|error| Failure::new(Class::Other, format!("What restic says of the keys cannot be read: {error}.")))?;
                let escrowed = keys.as_array().is_some_and(|keys| keys.iter().any(|key| key["userName"] == ESCROW_USER));
                let another = "The escrow's password opens the repository already, and not as the escrow's: it must be another one.";
                return if escrowed { Ok(()) } else { Err(Failure::order(another)) };
            }
            Err(failure) if failure.class == Class::WrongKey => {}
            Err(failure) => return Err(failure),
        }
        let args = [
            "key".to_owned(),
            "add".to_owned(),
            format!("--new-password-file={}", file.display()),
            format!("--user={ESCROW_USER}"),
            format!("--host={sealed}"),
        ];
        self.restic.run(&Call::new(args))?;
        self.opens(Some(&file))
    }
}
