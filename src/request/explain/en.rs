//! Every code in English.

use super::Words;
use crate::policy::Reason as R;
use crate::request::read::Code;

/// Why the code is as it is, and how to mend what it complains about.
pub(super) const fn words(code: Code) -> Words {
    match code {
        Code::YamlInvalid => Words {
            why: "A file that cannot be read is not guessed at: half of a request would be another request. Files are UTF-8 text in YAML or JSON, no larger than 4 MiB.",
            mend: "Look at the line that the finding names and the one above it: a quote or bracket that is not closed, a missing colon, or a tab instead of spaces. Nothing below that place in the file was read.",
        },
        Code::LayoutInvalid => Words {
            why: "In a requests repository, who may change what follows from the folder. So `municipalities/<slug>/<app>.yaml` holds exactly one request: the one of that municipality and of that name, and nothing else lies there.",
            mend: "Name the file as metadata.name says, put it into the folder that metadata.namespace names, and give every request a file of its own. Move everything else out of municipalities/.",
        },
        Code::Ignored => Words {
            why: "Requests often lie beside files of other programs. Only objects of kopnams.lv are read.",
            mend: "Nothing needs mending. If the document was meant to be a request, compare its apiVersion and kind with the example in docs/municipalities.md.",
        },
        Code::Refused(reason) => refused(reason),
    }
}

#[allow(clippy::too_many_lines, reason = "a few lines for each code")]
#[rustfmt::skip]
const fn refused(reason: R) -> Words {
    match reason {
        R::FieldInvalid => Words {
            why: "A field that nobody knows would be dropped in silence, and words such as no, on or 0123 without quotes are read as something else than text. So anything that is not understood exactly is refused.",
            mend: "Compare the field's name with the ones that the finding lists, write text that looks like a number or a yes in quotes, and remove what a request does not have, such as an image.",
        },
        R::NameInvalid => Words {
            why: "Namespaces are named municipality--app and addresses are made from names, so a name is a DNS label without two hyphens in a row. An app's name has at most 31 characters, a municipality's 30. Names that begin with drill- are kept for trials of backups.",
            mend: "Write lower-case letters without diacritics, digits and single hyphens, beginning and ending with a letter or digit.",
        },
        R::CodeInvalid => Words {
            why: "The ATVK code says which municipality in the state's classification is meant. It has seven digits, and its leading zeros count.",
            mend: "Write all seven digits in quotes. Without quotes YAML takes them for a number and loses the zeros.",
        },
        R::ZoneInvalid => Words {
            why: "A zone gives a municipality all host names in it, so it is an exact name. A wildcard would add nothing.",
            mend: "Write the domain in lower case without an asterisk and without a dot at the end; letters with diacritics in their xn-- form.",
        },
        R::PeerInvalid => Words {
            why: "Network policies are made from peers. A peer that says nothing exact would open more than was meant.",
            mend: "Write either cidr with an address and its prefix length, /32 for one address, or namespace together with podLabels. Never both.",
        },
        R::PlatformNameInvalid => Words {
            why: "There is one Platform on a cluster, so that there is one answer to what the platform allows. The operator reads only the one with this name.",
            mend: "Write metadata.name: platform, and keep everything in this one object.",
        },
        R::QuantityInvalid => Words {
            why: "Sizes and allotments are added up, so an amount must be exact. Memory without a unit would be bytes, and an exponent can overflow.",
            mend: "Write CPU in cores or thousandths of one (\"2\", 250m), and memory and storage with Mi, Gi or Ti (512Mi, 20Gi).",
        },
        R::MemberNotAllowed => Words {
            why: "Groups whose names begin with system: belong to Kubernetes; some of them may do everything on the cluster. A municipality must never get rights through them.",
            mend: "Name a group of your own identity provider, for example one of the municipality's IT staff.",
        },
        R::SlugReserved => Words {
            why: "The slug becomes a namespace. Names of the cluster itself, and those that the Platform lists in reservedSlugs, would be confused with something else.",
            mend: "Choose the municipality's own short name.",
        },
        R::CodeTaken => Words {
            why: "One municipality would have two homes, and nobody could say whose allotment counts. The one that was there first keeps the code.",
            mend: "Write the municipality's own ATVK code. If the other entry is wrong, mend that one first.",
        },
        R::ZoneOverlap => Words {
            why: "Every host name must belong to exactly one municipality. A zone inside another one's would let one municipality take the addresses of the other.",
            mend: "Write a domain that is neither the same as, nor inside, nor around a zone of another municipality.",
        },
        R::AllotmentBelowGranted => Words {
            why: "An allotment may be made smaller at any time, but nothing that runs is taken away for it. Until the sum fits again, nothing new and nothing larger is granted.",
            mend: "Raise the allotment to at least what is granted, or let the municipality remove apps or choose smaller sizes.",
        },
        R::RankTaken => Words {
            why: "The rank says which of two data classes is the stricter one. With two classes of one rank nobody could tell whether a request lowers its protection.",
            mend: "Give the class a rank that no other class has: higher is stricter.",
        },
        R::ParametersSchemaInvalid => Words {
            why: "The parameters of every request are checked against this schema, and the request form is made from it. So it must be a valid JSON schema, and it describes an object.",
            mend: "Write type: object with properties, each with a type that JSON Schema knows. An entry without parameters leaves the field out.",
        },
        R::EgressUnknown => Words {
            why: "An app reaches nothing outside but what its entry names. Where a name leads is for the Platform to say, so it must know the name.",
            mend: "Use one of the destinations of the Platform, or have a platform admin add the new one to spec.egress there.",
        },
        R::VersionRepeated => Words {
            why: "A request and a roll-out name a version by its name. With two of one name it would be chance which one runs.",
            mend: "Give each version its own name, or remove the one that is no longer wanted.",
        },
        R::ObjectNotAllowed => Words {
            why: "What an entry may consist of is a list of kinds and fields that keep apps apart from each other and from the nodes. The network or files of the node, more rights, and objects in other namespaces are not on it.",
            mend: "Leave out the field or object that the finding names. docs/catalogue.md lists what an entry may have.",
        },
        R::ExpressionInvalid => Words {
            why: "Expressions are evaluated with what a request says. A parameter inside a script or a longer text could become code, so it may stand only where it stays a value.",
            mend: "Use app, images, municipality, parameters, secrets, size or system. Hand a parameter over as the whole value of an environment variable, and let the program read it from there.",
        },
        R::ImageNotPinned => Words {
            why: "A tag can be another image tomorrow. Only a digest makes sure that what was tried is what runs, in every municipality.",
            mend: "Write the image as registry/name@sha256:… with the digest that was tried.",
        },
        R::RouteInvalid => Words {
            why: "The address of an app leads to a port of one of its Services, and people are sent there only when a container says that it is ready. Without that, they would meet errors at every start and update.",
            mend: "Name a Service and one of its ports, and give the container behind it a readinessProbe.",
        },
        R::SizeTooSmall => Words {
            why: "A size becomes the quota of the app's namespace. An entry that does not fit in it would never start.",
            mend: "Raise the numbers of the size, or lower what the containers and volumes ask for.",
        },
        R::MaintainerUnknown => Words {
            why: "Somebody must answer for a system: change its entry, follow its security notices, decide on versions. That is either the platform or a municipality that leads for the others.",
            mend: "Write platform, or the slug of a municipality that is among the files.",
        },
        R::ObjectUnreadable => Words {
            why: "The object was written by another release or by hand, and this release does not understand it. It is left as it is and nothing is decided from it.",
            mend: "Compare the object with the definitions in crds/ of this release, or go back to the release that wrote it. Nothing is deleted meanwhile.",
        },
        R::NotAHomeNamespace => Words {
            why: "A request belongs to the municipality in whose home namespace it stands. In any other namespace it belongs to nobody.",
            mend: "Write the municipality's slug in metadata.namespace, for example kuldigas-novads. A new municipality has to be added by a platform admin first.",
        },
        R::MunicipalityTerminating => Words {
            why: "The municipality was deleted and is leaving. What it has is handed over in order; something new would have to be removed at once.",
            mend: "Wait until it is gone and have it added anew, or ask for the app in the municipality that takes over.",
        },
        R::MunicipalityRefused => Words {
            why: "The municipality's own entry has a problem, so it has no home yet in which anything could be made. What runs already is not touched.",
            mend: "A platform admin mends the finding on the Municipality. The request itself may stay as it is.",
        },
        R::SystemUnknown => Words {
            why: "Only systems of the catalogue can be asked for: somebody maintains them, and what they need is known.",
            mend: "Write one of the names that the finding lists. If the system is missing, ask the platform admins to add it to the catalogue.",
        },
        R::SystemBroken => Words {
            why: "Nothing is made from a catalogue entry that has a problem itself. Apps that run keep what they were granted.",
            mend: "The maintainer of the entry mends the finding on the HostedSystem. The request itself may stay as it is.",
        },
        R::VersionUnknown => Words {
            why: "Only versions that the catalogue entry describes can run.",
            mend: "Write one of the versions that the finding lists, in quotes. Or leave version out, and the app follows the version that the catalogue recommends.",
        },
        R::SizeUnknown => Words {
            why: "Sizes come from the catalogue, so that what they take of the allotment is known beforehand.",
            mend: "Write one of the sizes that the finding lists. Or leave size out, and the app gets the usual one.",
        },
        R::DataClassUnknown => Words {
            why: "The data class says how the data are protected, how long they are kept and what must be stated. Data of a class that nobody knows could not be protected as they should be.",
            mend: "Write one of the classes that the finding lists. Or leave dataClass out, and the class of the system holds.",
        },
        R::DataClassBroken => Words {
            why: "The data class has a problem itself, so nobody can say what it requires. Apps that run keep what they were granted.",
            mend: "A platform admin mends the finding on the DataClass. The request itself may stay as it is.",
        },
        R::DataClassLowered => Words {
            why: "The catalogue says which data the system holds. A request may protect them better, never less.",
            mend: "Leave dataClass out, or write a stricter class. State what that class requires, such as the legal basis.",
        },
        R::ParametersInvalid => Words {
            why: "The system's own settings are checked before anything is made, because a wrong one would only show when the system does not start.",
            mend: "The finding names the setting and the rule of the catalogue. Add what is missing, remove what is unknown, and keep to the range.",
        },
        R::StorageShrinks => Words {
            why: "A volume can grow but cannot be made smaller without making it anew, and then its data would be gone.",
            mend: "Keep the size, or choose one with at least as much storage. To come down, ask for a new app with restoreFrom.",
        },
        R::DowngradeRefused => Words {
            why: "The version that runs has changed the shape of its data, and the older one cannot read it any more.",
            mend: "Stay with the newer version. To go back, ask for a new app of the older version with restoreFrom and a backup from before the upgrade.",
        },
        R::BackupInvalid => Words {
            why: "Settings that contradict each other would mean no backup, or one that is deleted too early. So they are refused and not guessed at.",
            mend: "The finding says which two settings collide or how the value is written. For a restore name either set or before, not both; a ceiling is above its floor.",
        },
        R::RequirementMissing => Words {
            why: "Whoever processes such data must have a legal basis, and for special categories an impact assessment. The statement stands in the request, so that anybody who checks finds it.",
            mend: "Add processing.legalBasis with the law and its article, and processing.dpia with number and date where the class requires it. Names of people do not belong there.",
        },
        R::HostnameInvalid => Words {
            why: "One address is claimed, exactly as browsers write it. With capitals or an asterisk two requests could mean the same address without anybody seeing it.",
            mend: "Write the full name in lower case, without an asterisk and without https://; letters with diacritics in their xn-- form.",
        },
        R::HostnameOutsideZones => Words {
            why: "A municipality may use only addresses inside its own domain, so that nobody takes an address of another one.",
            mend: "Choose a name that ends with a dot and one of the zones that the finding lists. If the domain is yours and missing, ask the platform admins to add it.",
        },
        R::HostnameTaken => Words {
            why: "An address leads to one app. Whoever had it first keeps it; of two new requests the earlier one gets it, and of two at once the first by name.",
            mend: "Choose another address, or remove it from the app that the finding names, and ask again when that is done.",
        },
        R::AllotmentExceeded => Words {
            why: "What a municipality may use is limited, so that there is enough for all. A new or larger app is granted only if it fits as a whole.",
            mend: "Choose a smaller size, remove an app that is no longer needed, or ask the platform admins for more. The finding says what is short and which apps hold most.",
        },
        R::NamespaceConflict => Words {
            why: "A namespace of this name was there before, and the operator cannot prove that it is its own. It touches nothing that it has not made.",
            mend: "Choose another name for the app, or ask a platform admin to remove that namespace if nobody needs it.",
        },
        R::DeedKeyLost => Words {
            why: "The operator proves with this key which namespaces are its own. There are such namespaces but the key is gone, and a new key would make all of them foreign.",
            mend: "A platform admin puts the Secret kopnams-deed-key back from the copy that docs/admins.md asks for. Apps keep running meanwhile.",
        },
        R::RemovalHeld => Words {
            why: "When many municipalities lose apps within minutes, it is usually a mistake: a wrong folder or a tool that deletes what it does not see. So the rest waits.",
            mend: "If it was a mistake, add the requests again. If it was meant, a platform admin sets the annotation kopnams.lv/acknowledge-removals on the Platform to the present time.",
        },
        R::AppsRemain => Words {
            why: "With its home a municipality would lose the requests for its apps. So it stays until the last one is gone.",
            mend: "Remove the requests first, wait for the days of grace and the final backups, then the municipality goes by itself.",
        },
    }
}
