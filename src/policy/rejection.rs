//! Why something is not allowed: a stable reason for programs and a sentence for people.

use crate::request::said::Said;
use std::fmt;

/// Declares [`Reason`] with one line of meaning each, so that code, status and documents agree.
macro_rules! reasons {
    ($($name:ident: $meaning:literal,)*) => {
        /// A stable reason; it appears as the reason of conditions and as the code of findings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// Every reason, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason as it is written in conditions and findings.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What the reason means, in one line.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

reasons! {
    FieldInvalid: "A field is missing, unknown or of the wrong type.",
    NameInvalid: "A name is too long, holds `--` or is not a DNS label.",
    CodeInvalid: "An ATVK code is not seven digits.",
    ZoneInvalid: "A zone is not a DNS name.",
    PeerInvalid: "A network peer is neither a range of addresses nor pods in a namespace.",
    PlatformNameInvalid: "A Platform is not named `platform`.",
    QuantityInvalid: "An amount is negative, lacks its unit, or is too large.",
    MemberNotAllowed: "A member is a group of Kubernetes itself.",
    SlugReserved: "A municipality's slug belongs to the cluster or was reserved by the platform.",
    CodeTaken: "Another municipality has the same ATVK code.",
    ZoneOverlap: "A zone overlaps one of another municipality.",
    AllotmentBelowGranted: "The allotment is smaller than what was granted already.",
    RankTaken: "Another data class has the same rank.",
    ParametersSchemaInvalid: "The parameters of a catalogue entry are not a JSON schema of an object.",
    EgressUnknown: "A catalogue entry names a destination that the platform does not have.",
    VersionRepeated: "A catalogue entry has two versions of one name.",
    ObjectNotAllowed: "An object of a catalogue entry is of a kind, or has a field, that an entry may not have.",
    ExpressionInvalid: "An expression in a catalogue entry cannot be read, or stands where it may not.",
    ImageNotPinned: "An image of a catalogue entry is not named by its digest.",
    RouteInvalid: "The route of a catalogue entry leads nowhere, or to something that does not say when it is ready.",
    SizeTooSmall: "The objects of a catalogue entry do not fit in one of its sizes.",
    MaintainerUnknown: "The maintainer of a catalogue entry is neither `platform` nor a municipality.",
    ObjectUnreadable: "An object on the cluster cannot be read as this release understands it.",
    NotAHomeNamespace: "A request is not in the home namespace of a municipality.",
    MunicipalityTerminating: "The municipality is being removed.",
    MunicipalityRefused: "The municipality itself was refused.",
    SystemUnknown: "The catalogue has no such system.",
    SystemBroken: "The catalogue entry itself has a problem.",
    VersionUnknown: "The system has no such version.",
    SizeUnknown: "The system has no such size.",
    DataClassUnknown: "There is no such data class.",
    DataClassBroken: "The data class itself has a problem.",
    DataClassLowered: "A request asks for a weaker data class than its system's.",
    ParametersInvalid: "The parameters do not fit the system's schema.",
    StorageShrinks: "A request asks for less storage than its app has, and a volume cannot be made smaller.",
    DowngradeRefused: "A request asks for a version that cannot read the data of the one that runs.",
    BackupInvalid: "Settings of backups contradict each other, or are written in a way that nothing can be made of.",
    RequirementMissing: "The data class requires a statement that the request lacks.",
    HostnameInvalid: "A host name is not an exact DNS name in lower case.",
    HostnameOutsideZones: "A host name is outside the municipality's zones.",
    HostnameTaken: "Another app has claimed the host name.",
    AllotmentExceeded: "The app does not fit in what is left of the municipality's allotment.",
    NamespaceConflict: "The namespace exists and is not the operator's.",
    DeedKeyLost: "The key that proves the operator's namespaces is missing, so no namespace is written.",
    RemovalHeld: "Too many municipalities' apps are being removed at once; a platform admin must acknowledge it.",
    AppsRemain: "A municipality cannot be removed while it has apps.",
}

impl Reason {
    /// The reason with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == name)
    }

    /// The reason and the rest of a rule's message, which begins with the reason and a colon.
    #[must_use]
    pub fn of_rule(message: &str) -> (Self, &str) {
        message
            .split_once(": ")
            .and_then(|(code, text)| Self::parse(code).map(|reason| (reason, text)))
            .unwrap_or((Self::FieldInvalid, message))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The stable reason.
    pub reason: Reason,
    /// Where in the object, as a JSON pointer (`/spec/hostname`); empty for the object as a whole.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
    /// The same in Latvian, where clerks read it.
    pub latvian: Option<String>,
}

impl Rejection {
    /// A rejection of the field at `path`.
    pub fn new(reason: Reason, path: impl Into<String>, message: impl Into<Said>) -> Self {
        let Said { en, lv } = message.into();
        Self { reason, path: path.into(), message: en, latvian: lv }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

/// One sentence for several rejections: conditions have one message.
#[must_use]
pub fn joined(rejections: &[Rejection]) -> String {
    rejections.iter().map(|r| r.message.as_str()).collect::<Vec<_>>().join("; ")
}
