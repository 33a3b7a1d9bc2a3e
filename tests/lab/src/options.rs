//! What a lab is asked to be.

use crate::binaries::Binaries;
use crate::error::{Error, Result};
use crate::node::NodeOptions;

/// How a lab is started. The default: with controller manager, no audit log, an admin alone.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// Write an audit log, see [`Lab::audit_log`](crate::Lab::audit_log).
    pub audit: Option<AuditPolicy>,
    /// Who may come in beside the admin.
    pub tokens: Vec<Token>,
    /// Leave the controller manager out: nothing makes service accounts, collects garbage or empties namespaces.
    pub without_controller_manager: bool,
    /// More arguments for kube-apiserver; an argument given here wins over the lab's own.
    pub api_server_args: Vec<String>,
    /// More arguments for kube-controller-manager.
    pub controller_manager_args: Vec<String>,
    /// A node on which pods run; without it they stay pending. See [`crate::node`].
    pub node: Option<NodeOptions>,
    /// The binaries to use; [`Binaries::ensure`] when absent.
    pub binaries: Option<Binaries>,
}

/// What the audit log records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditPolicy {
    /// Every request at level Metadata, once, when it has been answered: who, verb, object, user agent, status code.
    Metadata,
    /// A policy of one's own, as YAML of kind `Policy` in `audit.k8s.io/v1`.
    Yaml(String),
}

impl AuditPolicy {
    pub(crate) fn yaml(&self) -> &str {
        match self {
            Self::Metadata => "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n",
            Self::Yaml(text) => text,
        }
    }
}

/// A bearer token that the API server accepts, and who it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The secret itself.
    pub token: String,
    /// The user it stands for.
    pub user: String,
    /// The user's groups.
    pub groups: Vec<String>,
}

impl Token {
    /// A token for a user in groups.
    pub fn new<S: Into<String>>(token: impl Into<String>, user: impl Into<String>, groups: impl IntoIterator<Item = S>) -> Self {
        Self { token: token.into(), user: user.into(), groups: groups.into_iter().map(Into::into).collect() }
    }

    /// The line of the API server's token file.
    pub(crate) fn line(&self) -> Result<String> {
        let parts = [&self.token, &self.user].into_iter().chain(&self.groups);
        for part in parts {
            if part.is_empty() || part.contains(['"', ',', '\n', '\r']) {
                return Err(Error::Invalid(format!(
                    "the token of user {:?} cannot be written: token, user and groups must not be empty nor hold \
                     commas, quotes or line ends",
                    self.user
                )));
            }
        }
        Ok(format!("{},{},{},\"{}\"\n", self.token, self.user, self.user, self.groups.join(",")))
    }
}

/// A token that cannot be guessed.
pub(crate) fn random_token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Invalid(format!("the system has no random numbers: {error}")))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_line_names_user_and_groups() {
        let token = Token::new("secret", "janis", ["ogre-editors", "all"]);
        assert_eq!(token.line().unwrap(), "secret,janis,janis,\"ogre-editors,all\"\n");
    }

    #[test]
    fn a_token_that_would_break_the_file_is_refused() {
        assert!(Token::new("a,b", "janis", ["x"]).line().is_err());
        assert!(Token::new("", "janis", ["x"]).line().is_err());
        assert!(Token::new("a", "janis\nroot", ["x"]).line().is_err());
    }
}
