//! Why work failed, and how the ending of restic tells it.

use super::super::work::Class;
use std::fmt;
use std::io::ErrorKind;

/// What work comes to.
pub type Outcome<T> = Result<T, Failure>;

/// Why a piece of work failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// For whoever decides what is done about it.
    pub class: Class,
    /// For whoever reads it.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.message)
    }
}

impl Failure {
    /// A failure of a class.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }

    /// The order is wrong.
    pub fn order(message: impl Into<String>) -> Self {
        Self::new(Class::Order, message)
    }

    /// A file or folder here could not be worked with.
    #[must_use]
    pub fn local(doing: &str, error: &std::io::Error) -> Self {
        let class = if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) { Class::NoSpace } else { Class::Other };
        Self::new(class, format!("{doing} failed: {error}."))
    }
}

/// Words by which restic, its S3 client and the system tell a class, the more certain class first.
const WORDS: &[(Class, &[&str])] = &[
    (Class::NoSpace, &["no space left on device", "disk quota exceeded", "file too large"]),
    (Class::WrongKey, &["wrong password or no key found"]),
    (
        Class::Refused,
        &[
            "access denied",
            "accessdenied",
            "403 forbidden",
            "access key id you provided does not exist",
            "invalidaccesskeyid",
            "signature we calculated does not match",
            "signaturedoesnotmatch",
            "allaccessdisabled",
            "accountproblem",
        ],
    ),
    (Class::Vanished, &["specified bucket does not exist", "nosuchbucket", "repository does not exist"]),
    (
        Class::Damaged,
        &[
            "ciphertext verification failed",
            "does not match expected",
            "unexpected pack id",
            "unexpected content",
            "invalid data returned",
            "invalid file content",
            "repository contains errors",
            "hash mismatch",
            "wrong hash",
            "blob not found",
            "not found in index",
            "not found in repository",
            "unexpected eof while",
            "pack header",
            "invalid character",
            "zstd",
            "specified key does not exist",
        ],
    ),
    (
        Class::Unreachable,
        &[
            "connection refused",
            "connection reset",
            "broken pipe",
            "no such host",
            "no route to host",
            "network is unreachable",
            "i/o timeout",
            "tls handshake",
            "context deadline exceeded",
            "request timeout",
            "service unavailable",
            "bad gateway",
            "gateway time",
            "too many requests",
            "internal server error",
            "internal error",
            "slow down",
            "slowdown",
            "reduce your request rate",
            "unexpected eof",
            "circuit breaker open",
            "server closed",
            ": eof",
        ],
    ),
];

/// The class that a text tells, if it tells one.
#[must_use]
pub fn class_of(text: &str) -> Option<Class> {
    let text = text.to_lowercase();
    WORDS.iter().find(|(_, words)| words.iter().any(|word| text.contains(word))).map(|(class, _)| *class)
}

/// The class in a line with which restic says that it tries something again: one that trying again cannot change.
#[must_use]
pub fn hopeless(line: &str) -> Option<Class> {
    class_of(line).filter(|class| matches!(class, Class::Refused | Class::Vanished | Class::NoSpace))
}

/// What a run of restic that did not end well means: its exit code, what it complained of, and its last word.
#[must_use]
pub fn classify(code: Option<i32>, complaints: &str, fatal: &str) -> Failure {
    let class = match code {
        Some(3) => Class::Partial,
        Some(10) => Class::Vanished,
        Some(11) => Class::Locked,
        Some(12) => Class::WrongKey,
        _ => class_of(fatal).or_else(|| class_of(complaints)).unwrap_or(Class::Other),
    };
    Failure::new(class, sentence(class, code, fatal))
}

/// What a class means here, in plain words.
fn sentence(class: Class, code: Option<i32>, fatal: &str) -> String {
    let said = fatal.trim().trim_start_matches("Fatal: ").lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
    let said = if said.is_empty() || said.contains("context canceled") { String::new() } else { format!(" restic said: {said}.") };
    match class {
        Class::Partial => {
            "Some files could not be read, so the part is not whole; the runner needs the user or group of the app.".to_owned()
        }
        Class::Vanished => {
            format!(
                "There is no repository where it was. It is not made anew by itself: find out who removed it, then restore it from its copy or prepare it again.{said}"
            )
        }
        Class::Locked => "The repository is locked by somebody else for longer than this work may wait.".to_owned(),
        Class::WrongKey => "The repository does not open with the tenant's password.".to_owned(),
        Class::Refused => format!("The target refuses the credentials, or they do not allow this.{said}"),
        Class::Unreachable => format!("The target does not answer, or answers with errors of its own.{said}"),
        Class::NoSpace => format!("There is no room left.{said}"),
        Class::Damaged => format!("What the repository holds is damaged.{said}"),
        _ => match code {
            Some(code) => format!("restic ended with exit code {code}.{said}"),
            None => format!("restic was killed.{said}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_decide_before_words() {
        for (code, class) in [(3, Class::Partial), (10, Class::Vanished), (11, Class::Locked), (12, Class::WrongKey)] {
            assert_eq!(classify(Some(code), "connection refused", "no space left on device").class, class);
        }
        assert_eq!(classify(Some(1), "", "").class, Class::Other, "an unknown ending is a failure of no known class");
        assert_eq!(classify(Some(99), "", "").class, Class::Other);
        assert_eq!(classify(None, "", "").class, Class::Other);
    }

    /// Lines as restic 0.18.1 wrote them.
    #[test]
    fn words_tell_the_class() {
        let told = [
            (r#"Stat: Get "http://127.0.0.1:7171/b/?location=": dial tcp 127.0.0.1:7171: connect: connection refused"#, Class::Unreachable),
            ("Save(<lock/0b3>) returned error, retrying after 1s: client.PutObject: 503 Service Unavailable", Class::Unreachable),
            ("Stat: The AWS Access Key Id you provided does not exist in our records.", Class::Refused),
            ("Stat: The request signature we calculated does not match the signature you provided. Check your key", Class::Refused),
            ("Fatal: unable to open config file: Stat: Access Denied.", Class::Refused),
            ("Stat: The specified bucket does not exist.", Class::Vanished),
            ("decrypting blob <data/98ea6e4f> from 3fe32041 failed: ciphertext verification failed", Class::Damaged),
            ("Fatal: repository contains errors", Class::Damaged),
            ("write /data/x: no space left on device", Class::NoSpace),
            ("Fatal: wrong password or no key found", Class::WrongKey),
        ];
        for (line, class) in told {
            assert_eq!(class_of(line), Some(class), "{line}");
        }
        assert_eq!(class_of("Fatal: There were 3 errors"), None);
    }

    #[test]
    fn only_what_cannot_change_is_hopeless() {
        assert_eq!(hopeless("Load(<data/1>) returned error, retrying after 1s: Access Denied."), Some(Class::Refused));
        assert_eq!(hopeless("Stat(<config/>) returned error, retrying after 1s: dial tcp: connection refused"), None);
        assert_eq!(hopeless("Load(<data/1>) returned error, retrying after 1s: ciphertext verification failed"), None);
    }

    #[test]
    fn the_message_carries_the_last_word_and_no_more() {
        let failure = classify(Some(1), "", "Fatal: unable to open config file: Stat: Access Denied.\nIs there a repository?");
        assert_eq!(failure.class, Class::Refused);
        assert!(failure.message.ends_with("restic said: unable to open config file: Stat: Access Denied."), "{}", failure.message);
        assert!(!classify(Some(1), "connection refused", "Fatal: context canceled").message.contains("canceled"));
    }
}
