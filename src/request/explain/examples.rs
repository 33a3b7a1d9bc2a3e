//! For every code a few lines that are refused for it, and the same lines mended.
//!
//! Most are lines of a whole file in `examples/rejected`, so that a test can show that they do what they say.

use crate::policy::Reason as R;
use crate::request::read::Code;

/// A few lines that are refused, and the same lines mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The kind of object in which the lines stand.
    pub kind: &'static str,
    /// Where the lines are from.
    pub source: Source,
    /// The lines as they are refused.
    pub wrong: &'static str,
    /// The lines as they should be.
    pub right: &'static str,
}

/// Where an example's lines are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// They stand once in this file of `examples/rejected`.
    File(&'static str),
    /// They are the whole file.
    Whole,
}

const fn part(kind: &'static str, file: &'static str, wrong: &'static str, right: &'static str) -> Example {
    Example { kind, source: Source::File(file), wrong, right }
}

const fn whole(kind: &'static str, wrong: &'static str, right: &'static str) -> Example {
    Example { kind, source: Source::Whole, wrong, right }
}

const APP: &str = "MunicipalityApp";
const TOWN: &str = "Municipality";
const SYSTEM: &str = "HostedSystem";

/// The example of a code; none for what no file shows, or what is not mended in a file.
#[must_use]
pub const fn example(code: Code) -> Option<Example> {
    match code {
        Code::YamlInvalid => Some(whole(APP, BROKEN, CLOSED)),
        Code::LayoutInvalid => Some(whole(APP, MISNAMED, NAMED)),
        Code::Ignored => None,
        Code::Refused(reason) => refused(reason),
    }
}

const BROKEN: &str = r#"apiVersion: kopnams.lv/v1alpha1
kind: MunicipalityApp
metadata: {name: majaslapa, namespace: kuldigas-novads}
spec:
  system: website
  parameters: {siteTitle: "Kuldīgas novads}
"#;

const CLOSED: &str = r#"apiVersion: kopnams.lv/v1alpha1
kind: MunicipalityApp
metadata: {name: majaslapa, namespace: kuldigas-novads}
spec:
  system: website
  parameters: {siteTitle: "Kuldīgas novads"}
"#;

const MISNAMED: &str = "# municipalities/kuldigas-novads/vietne.yaml
apiVersion: kopnams.lv/v1alpha1
kind: MunicipalityApp
metadata: {name: majaslapa, namespace: kuldigas-novads}
spec:
  system: website
  parameters: {siteTitle: Kuldīgas novads}
";

const NAMED: &str = "# municipalities/kuldigas-novads/majaslapa.yaml
apiVersion: kopnams.lv/v1alpha1
kind: MunicipalityApp
metadata: {name: majaslapa, namespace: kuldigas-novads}
spec:
  system: website
  parameters: {siteTitle: Kuldīgas novads}
";

const PINNED: &str =
    "      images: {web: \"registry.example.lv/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}\n";

#[allow(clippy::too_many_lines, reason = "a few lines for each code")]
#[rustfmt::skip]
const fn refused(reason: R) -> Option<Example> {
    Some(match reason {
        R::FieldInvalid => part(APP, "FieldInvalid-unknown.yaml",
            "spec:\n  system: website\n  image: registry.example.lv/majaslapa:latest\n",
            "spec:\n  system: website\n"),
        R::NameInvalid => part(APP, "NameInvalid-double-hyphen.yaml",
            "metadata: {name: maja--lapa, namespace: preilu-novads}\n",
            "metadata: {name: majas-lapa, namespace: preilu-novads}\n"),
        R::CodeInvalid => part(TOWN, "CodeInvalid.yaml", "spec:\n  code: \"33000\"\n", "spec:\n  code: \"0090014\"\n"),
        R::ZoneInvalid => part(TOWN, "ZoneInvalid.yaml",
            "  zones: [\"*.zvaigzne.paraugs.example.lv\"]\n",
            "  zones: [zvaigzne.paraugs.example.lv]\n"),
        R::PeerInvalid => part("Platform", "PeerInvalid-cidr.yaml",
            "  egress:\n    mail-relay: [{cidr: 192.0.2.25, ports: [25]}]\n",
            "  egress:\n    mail-relay: [{cidr: 192.0.2.25/32, ports: [25]}]\n"),
        R::PlatformNameInvalid => part("Platform", "PlatformNameInvalid.yaml",
            "metadata: {name: otra}\n",
            "metadata: {name: platform}\n"),
        R::QuantityInvalid => part(SYSTEM, "QuantityInvalid-no-unit.yaml",
            "  sizes: {small: {cpu: 250m, memory: \"512\", storage: 2Gi, pods: 5}}\n",
            "  sizes: {small: {cpu: 250m, memory: 512Mi, storage: 2Gi, pods: 5}}\n"),
        R::MemberNotAllowed => part(TOWN, "MemberNotAllowed.yaml",
            "  members: [{role: operator, kind: Group, name: \"system:masters\"}]\n",
            "  members: [{role: operator, kind: Group, name: \"paraugs:it\"}]\n"),
        R::SlugReserved => part(TOWN, "SlugReserved-platform.yaml", "metadata: {name: www}\n", "metadata: {name: parauga-novads}\n"),
        R::CodeTaken => part(TOWN, "CodeTaken.yaml", "spec:\n  code: \"0033000\"\n", "spec:\n  code: \"0090015\"\n"),
        R::ZoneOverlap => part(TOWN, "ZoneOverlap.yaml",
            "  zones: [pilseta.kuldiga.example.lv]\n",
            "  zones: [ieksejais.paraugs.example.lv]\n"),
        R::AllotmentBelowGranted => part(TOWN, "AllotmentBelowGranted/municipality.yaml",
            "  allotment: {cpu: \"1\", memory: 2Gi, storage: 20Gi, apps: 1}\n",
            "  allotment: {cpu: \"2\", memory: 4Gi, storage: 40Gi, apps: 2}\n"),
        R::RankTaken => part("DataClass", "RankTaken.yaml", "  rank: 2\n", "  rank: 4\n"),
        R::ParametersSchemaInvalid => part(SYSTEM, "ParametersSchemaInvalid-not-an-object.yaml",
            "  parameters: {type: string}\n",
            "  parameters: {type: object, properties: {siteTitle: {type: string}}}\n"),
        R::EgressUnknown => part(SYSTEM, "EgressUnknown.yaml", "  egress: [mail-relay, payment-gateway]\n", "  egress: [mail-relay]\n"),
        R::VersionRepeated => part(SYSTEM, "VersionRepeated.yaml",
            "  versions: [{name: \"1.0\", objects: []}, {name: \"1.0\", objects: []}]\n",
            "  versions: [{name: \"1.0\", objects: []}, {name: \"1.1\", objects: []}]\n"),
        R::ObjectNotAllowed => part(SYSTEM, "ObjectNotAllowed.yaml",
            "              spec:\n                hostNetwork: true\n                containers:\n                  - name: web\n",
            "              spec:\n                containers:\n                  - name: web\n"),
        R::ExpressionInvalid => part(SYSTEM, "ExpressionInvalid.yaml",
            "                    command: [sh, -c, \"echo ${parameters.siteTitle}\"]\n",
            "                    env: [{name: TITLE, value: \"${parameters.siteTitle}\"}]\n"),
        R::ImageNotPinned => part(SYSTEM, "ImageNotPinned.yaml", "      images: {web: \"registry.example.lv/web:1.0\"}\n", PINNED),
        R::RouteInvalid => part(SYSTEM, "RouteInvalid.yaml",
            "                  - name: web\n                    image: \"${images.web}\"\n",
            "                  - name: web\n                    image: \"${images.web}\"\n                    readinessProbe: {httpGet: {path: /, port: 80}}\n"),
        R::SizeTooSmall => part(SYSTEM, "SizeTooSmall.yaml",
            "  sizes: {small: {cpu: 250m, memory: 512Mi, storage: 2Gi, pods: 5}}\n",
            "  sizes: {small: {cpu: 250m, memory: 1Gi, storage: 2Gi, pods: 5}}\n"),
        R::MaintainerUnknown => part(SYSTEM, "MaintainerUnknown.yaml", "  maintainer: neesosais-novads\n", "  maintainer: platform\n"),
        R::NotAHomeNamespace => part(APP, "NotAHomeNamespace.yaml",
            "metadata: {name: majaslapa-nekur, namespace: default}\n",
            "metadata: {name: majaslapa-nekur, namespace: kuldigas-novads}\n"),
        R::MunicipalityRefused => part(TOWN, "MunicipalityRefused.yaml", "spec:\n  code: \"0025000\"\n", "spec:\n  code: \"0090016\"\n"),
        R::SystemUnknown => part(APP, "SystemUnknown.yaml", "spec:\n  system: web-shop\n", "spec:\n  system: website\n"),
        R::SystemBroken => part(SYSTEM, "SystemBroken.yaml",
            "  parameters: {type: object, properties: {title: {type: 5}}}\n",
            "  parameters: {type: object, properties: {title: {type: string}}}\n"),
        R::VersionUnknown => part(APP, "VersionUnknown.yaml",
            "spec:\n  system: website\n  version: \"9.9\"\n",
            "spec:\n  system: website\n  version: \"1.1\"\n"),
        R::SizeUnknown => part(APP, "SizeUnknown.yaml",
            "spec:\n  system: website\n  size: huge\n",
            "spec:\n  system: website\n  size: medium\n"),
        R::DataClassUnknown => part(APP, "DataClassUnknown.yaml",
            "spec:\n  system: website\n  dataClass: secret\n",
            "spec:\n  system: website\n  dataClass: internal\n"),
        R::DataClassBroken => part("DataClass", "DataClassBroken.yaml", "  rank: 3\n", "  rank: 4\n"),
        R::DataClassLowered => part(APP, "DataClassLowered.yaml",
            "  size: small\n  dataClass: open\n",
            "  size: small\n  processing: {legalBasis: \"Iesniegumu likums; Arhīvu likums\"}\n"),
        R::ParametersInvalid => part(APP, "ParametersInvalid-unknown.yaml",
            "  parameters: {siteTitle: Dobeles novads, colour: blue}\n",
            "  parameters: {siteTitle: Dobeles novads}\n"),
        R::StorageShrinks => part(APP, "StorageShrinks/request.yaml",
            "spec:\n  system: website\n  size: small\n",
            "spec:\n  system: website\n  size: medium\n"),
        R::DowngradeRefused => part(APP, "DowngradeRefused/request.yaml",
            "spec:\n  system: parauga-arhivs\n  version: \"1.0\"\n",
            "spec:\n  system: parauga-arhivs\n  version: \"2.0\"\n"),
        R::BackupInvalid => part("DataClass", "BackupInvalid-ceiling.yaml",
            "  backup:\n    retention: {floorDays: 30, ceilingDays: 20}\n",
            "  backup:\n    retention: {floorDays: 30, ceilingDays: 400}\n"),
        R::RequirementMissing => part(APP, "RequirementMissing-legalBasis.yaml",
            "  parameters: {organisation: Jūrmalas valstspilsētas pašvaldība}\n",
            "  parameters: {organisation: Jūrmalas valstspilsētas pašvaldība}\n  processing: {legalBasis: \"Iesniegumu likums; Arhīvu likums\"}\n"),
        R::HostnameInvalid => part(APP, "HostnameInvalid-upper-case.yaml",
            "spec:\n  system: website\n  hostname: WWW.madona.example.lv\n",
            "spec:\n  system: website\n  hostname: www.madona.example.lv\n"),
        R::HostnameOutsideZones => part(APP, "HostnameOutsideZones.yaml",
            "spec:\n  system: website\n  hostname: jauna.riga.example.lv\n",
            "spec:\n  system: website\n  hostname: jauna.kraslava.example.lv\n"),
        R::HostnameTaken => part(APP, "HostnameTaken.yaml",
            "metadata: {name: b-majaslapa, namespace: livanu-novads}\nspec:\n  system: website\n  hostname: www.livani.example.lv\n",
            "metadata: {name: b-majaslapa, namespace: livanu-novads}\nspec:\n  system: website\n  hostname: jauna.livani.example.lv\n"),
        R::AllotmentExceeded => part(APP, "AllotmentExceeded.yaml",
            "spec:\n  system: website\n  size: large\n",
            "spec:\n  system: website\n  size: small\n"),
        R::NamespaceConflict => part(APP, "NamespaceConflict.yaml",
            "metadata: {name: veca-majaslapa, namespace: rezekne}\n",
            "metadata: {name: jauna-majaslapa, namespace: rezekne}\n"),
        R::ObjectUnreadable | R::MunicipalityTerminating | R::DeedKeyLost | R::RemovalHeld | R::AppsRemain => return None,
    })
}

/// The lines without the blanks that all of them begin with.
#[must_use]
pub fn dedented(lines: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let common = lines.lines().filter(|line| !line.is_empty()).map(indent).min().unwrap_or_default();
    lines.lines().flat_map(|line| [line.get(common..).unwrap_or_default(), "\n"]).collect()
}
