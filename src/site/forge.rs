//! Forges and the addresses under which they open a new file that is already written.

use std::fmt::Write;

/// How long what a form has written may be in an address, encoded: beyond that servers refuse the address.
pub const VALUE_MOST: usize = 6_000;

/// A forge by the way in which it takes a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GitHub, also one of one's own.
    Github,
    /// Gitea 1.25 or newer: the path of the new file is part of the address.
    Gitea,
    /// Gitea up to 1.24.
    GiteaOld,
    /// Forgejo.
    Forgejo,
}

impl Kind {
    /// The forge's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitea | Self::GiteaOld => "Gitea",
            Self::Forgejo => "Forgejo",
        }
    }
}

/// A repository of requests on a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forge {
    /// Which kind of forge.
    kind: Kind,
    /// Where the repository is, without a slash at its end.
    repository: String,
    /// The branch that requests are for.
    branch: String,
}

/// Why an address cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// The address of the forge.
    #[error("`{0}` is not the address of a forge; write for example https://forge.example.lv, without user, query or anchor")]
    Url(String),
    /// The name of the repository.
    #[error("`{0}` is not a repository; write OWNER/NAME, for example pasvaldibas/pieprasijumi")]
    Repository(String),
    /// The name of the branch.
    #[error("`{0}` is not the name of a branch; write for example main")]
    Branch(String),
}

impl Forge {
    /// A repository of a forge.
    ///
    /// # Errors
    /// When one of the names could be part of no address.
    pub fn new(kind: Kind, url: &str, repository: &str, branch: &str) -> Result<Self, ForgeError> {
        let base = url.strip_suffix('/').unwrap_or(url);
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~');
        let host =
            |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.chars().all(|c| plain(c) || matches!(c, ':' | '/'));
        if !rest.is_some_and(host) {
            return Err(ForgeError::Url(url.to_string()));
        }
        let name = |part: &str| !part.is_empty() && part != "." && part != ".." && part.chars().all(plain);
        if !matches!(&repository.split('/').collect::<Vec<_>>()[..], [owner, own] if name(owner) && name(own)) {
            return Err(ForgeError::Repository(repository.to_string()));
        }
        // What git allows in a name, without what it does not.
        let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
        if branch.is_empty() || branch.split('/').any(|part| part.is_empty() || part.starts_with('.')) || branch.contains(odd) {
            return Err(ForgeError::Branch(branch.to_string()));
        }
        let branch = branch.split('/').map(encoded).collect::<Vec<_>>().join("/");
        Ok(Self { kind, repository: format!("{base}/{repository}"), branch })
    }

    /// The forge's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// The address of its editor, with `{path}` and `{value}` where the file's path and its text belong.
    #[must_use]
    pub fn address(&self) -> String {
        let Self { kind, repository, branch } = self;
        match kind {
            Kind::Github => format!("{repository}/new/{branch}?filename={{path}}&value={{value}}"),
            // With `filename=` it leads elsewhere and loses the value.
            Kind::Gitea => format!("{repository}/_new/{branch}/{{path}}?value={{value}}"),
            Kind::GiteaOld | Kind::Forgejo => format!("{repository}/_new/{branch}/?filename={{path}}&value={{value}}"),
        }
    }
}

/// A text as part of an address: what `encodeURIComponent` makes of it.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(kind: Kind, url: &str, branch: &str) -> String {
        Forge::new(kind, url, "pasvaldibas/pieprasijumi", branch).unwrap().address()
    }

    #[test]
    fn each_forge_has_its_own_address() {
        let forges =
            [Kind::Github, Kind::Gitea, Kind::GiteaOld, Kind::Forgejo].map(|kind| address(kind, "https://forge.example.lv", "main"));
        assert_eq!(
            forges,
            [
                "https://forge.example.lv/pasvaldibas/pieprasijumi/new/main?filename={path}&value={value}",
                "https://forge.example.lv/pasvaldibas/pieprasijumi/_new/main/{path}?value={value}",
                "https://forge.example.lv/pasvaldibas/pieprasijumi/_new/main/?filename={path}&value={value}",
                "https://forge.example.lv/pasvaldibas/pieprasijumi/_new/main/?filename={path}&value={value}",
            ]
        );
        assert_eq!(
            address(Kind::Gitea, "https://example.lv:3000/git/", "gads/2026-ā"),
            "https://example.lv:3000/git/pasvaldibas/pieprasijumi/_new/gads/2026-%C4%81/{path}?value={value}"
        );
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        let new = |url, repository, branch| Forge::new(Kind::Github, url, repository, branch).unwrap_err();
        for url in [
            "",
            "github.com",
            "ftp://a.lv",
            "javascript:alert(1)",
            "https://",
            "https://u@a.lv",
            "https://a.lv?x",
            "https://a.lv#x",
            "https://a.lv/{path}",
        ] {
            assert_eq!(new(url, "a/b", "main"), ForgeError::Url(url.into()));
        }
        for repository in ["", "a", "a/b/c", "a/", "/b", "a/..", "a b/c", "a/b?c"] {
            assert_eq!(new("https://a.lv", repository, "main"), ForgeError::Repository(repository.into()));
        }
        for branch in ["", "/a", "a//b", "a b", "a?b", ".a", "a\n"] {
            assert_eq!(new("https://a.lv", "a/b", branch), ForgeError::Branch(branch.into()));
        }
    }
}
