//! Names that are part of the contract: labels, annotations, finalizers, and how names are joined.

/// Label on everything the operator makes; its value is [`MANAGER`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`] and the field manager of every write.
pub const MANAGER: &str = "kopnams";
/// Prefix of every label and annotation that only the operator may set.
pub const PREFIX: &str = "kopnams.lv/";
/// Label: the municipality's slug.
pub const MUNICIPALITY: &str = "kopnams.lv/municipality";
/// Label: the app's name; empty on a home namespace.
pub const APP: &str = "kopnams.lv/app";
/// Label: the tenant's UUID, made once with the namespace.
pub const TENANT_ID: &str = "kopnams.lv/tenant-id";
/// Annotation: proof that the operator made the namespace (see [`crate::live::deed`]).
pub const DEED: &str = "kopnams.lv/deed";
/// Annotation: hash of the canonical desired object.
pub const INTENT: &str = "kopnams.lv/intent";
/// Annotation on an app namespace: what was granted, as JSON.
pub const GRANT: &str = "kopnams.lv/grant";
/// Annotation on an app namespace: proof that the operator wrote [`GRANT`].
pub const GRANT_SEAL: &str = "kopnams.lv/grant-seal";
/// Annotation on an app namespace: since when it is retiring, RFC 3339.
pub const RETIRE: &str = "kopnams.lv/retire";
/// Annotation on an app namespace, set by an admin: why the app goes without a last backup; the vault keeps the reason.
pub const SKIP_FINAL_BACKUP: &str = "kopnams.lv/skip-final-backup";
/// Annotation on a pod template: hash of the settings that its pods use.
pub const SETTINGS: &str = "kopnams.lv/settings";
/// Annotation on a generated Secret, and on the pods that use it: the request's text at which its values were last made anew.
pub const ROTATION: &str = "kopnams.lv/rotation";
/// Annotation on a route: names of the other annotations on it that the operator writes, with commas between.
pub const OWNS: &str = "kopnams.lv/owns";
/// Label on a kept revision: the catalogue entry that it is of.
pub const SYSTEM: &str = "kopnams.lv/system";
/// Label on the jobs, pods and secrets of a piece of work on backups: its name.
pub const RUN: &str = "kopnams.lv/run";
/// Annotation by which an admin says that this very object, by its UID, may be deleted; not the operator's.
pub const ALLOW_DELETE: &str = "kopnams.lv/allow-delete";
/// Annotation on the `Platform`: removals asked for up to this time (RFC 3339) may go ahead.
pub const ACKNOWLEDGE_REMOVALS: &str = "kopnams.lv/acknowledge-removals";
/// Annotation on a `BackupVault`: what was backed up before this time (RFC 3339) no longer says how large a part has to be, and
/// within two days of it a part may be empty.
pub const ACKNOWLEDGE_SHRUNK: &str = "kopnams.lv/acknowledge-shrunk";
/// Annotation on a `BackupVault`: within two days of this time (RFC 3339) retention may let more sets go than it does by itself.
pub const ACKNOWLEDGE_RETENTION: &str = "kopnams.lv/acknowledge-retention";
/// Annotation on a `BackupVault`: within two days of this time (RFC 3339) sets that are not in the repository are struck off.
pub const ACKNOWLEDGE_LOST: &str = "kopnams.lv/acknowledge-lost";
/// Annotation on a `HostedSystem`: the revision that apps with data may get although it migrates or is older than what they have.
pub const ALLOW_REVISION: &str = "kopnams.lv/allow-revision";
/// Annotation on a `HostedSystem`: failures of roll-outs up to this time (RFC 3339) no longer count, and apps are tried again.
pub const RESUME_ROLLOUTS: &str = "kopnams.lv/resume-rollouts";
/// Prefix of the pod security labels, which only the operator may set on its namespaces.
pub const POD_SECURITY: &str = "pod-security.kubernetes.io/";
/// Finalizer on `Municipality` and `MunicipalityApp`.
pub const FINALIZER: &str = "kopnams.lv/hand-over";
/// Name of the only `Platform`.
pub const PLATFORM: &str = "platform";
/// The priority class whose pods are counted by the `backup` quota alone.
pub const BACKUP_PRIORITY_CLASS: &str = "kopnams-backup";

/// Longest slug of a municipality: with `--` and [`APP_NAME_MAX`] it fits in a DNS label.
pub const SLUG_MAX: usize = 30;
/// Longest name of an app.
pub const APP_NAME_MAX: usize = 31;

/// The namespace of an app: `<municipality>--<app>`.
///
/// Neither part may hold `--` nor begin or end with `-`, so two different pairs never give one name.
#[must_use]
pub fn app_namespace(municipality: &str, app: &str) -> String {
    format!("{municipality}--{app}")
}

/// Whether a name is a DNS label of at most `max` characters without `--`.
#[must_use]
pub fn is_slug(name: &str, max: usize) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= max
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

/// Whether a slug is reserved for the cluster or for kopnams itself, whatever the platform adds.
#[must_use]
pub fn is_reserved(slug: &str) -> bool {
    slug == "default" || slug.starts_with("kube-") || slug.starts_with("kopnams-") || slug == "kopnams"
}

/// A DNS name in the one form that is compared: lower-case ASCII without a trailing dot.
///
/// Returns `None` when it is not an exact host name (wildcards, upper case, non-ASCII, empty labels).
#[must_use]
pub fn canonical_host(host: &str) -> Option<&str> {
    let label_fits = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.contains('.') && host.split('.').all(label_fits)).then_some(host)
}

/// Whether `host` is `zone` itself or a name below it.
#[must_use]
pub fn in_zone(host: &str, zone: &str) -> bool {
    host == zone || host.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.'))
}

/// Whether two DNS zones share any name.
#[must_use]
pub fn zones_overlap(a: &str, b: &str) -> bool {
    in_zone(a, b) || in_zone(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_holds_itself_and_names_below_it_but_not_its_look_alikes() {
        assert!(in_zone("www.kuldiga.example.lv", "kuldiga.example.lv"));
        assert!(in_zone("kuldiga.example.lv", "kuldiga.example.lv"));
        assert!(!in_zone("wwwkuldiga.example.lv", "kuldiga.example.lv"));
        assert!(!in_zone("example.lv", "kuldiga.example.lv"));
    }

    #[test]
    fn hosts_are_exact_lower_case_names() {
        for bad in ["*.kuldiga.example.lv", "WWW.kuldiga.example.lv", "kuldīga.lv", "a..lv", "lv", "-a.lv", "a.lv."] {
            assert_eq!(canonical_host(bad), None, "{bad}");
        }
        assert_eq!(canonical_host("www.xn--kuldga-p4a.lv"), Some("www.xn--kuldga-p4a.lv"));
    }

    #[test]
    fn slugs_are_dns_labels_without_a_double_hyphen() {
        for bad in ["", "a--b", "-a", "a-", "Kuldiga", "kuldīga", "a_b", "a.b"] {
            assert!(!is_slug(bad, SLUG_MAX), "{bad}");
        }
        assert!(is_slug("kuldigas-novads", SLUG_MAX));
        assert!(!is_slug(&"a".repeat(31), SLUG_MAX));
    }

    proptest::proptest! {
        #[test]
        fn joined_names_are_unambiguous_and_fit(a in "[a-z0-9]([a-z0-9]|-[a-z0-9]){0,14}", b in "[a-z0-9]([a-z0-9]|-[a-z0-9]){0,14}",
                                               c in "[a-z0-9]([a-z0-9]|-[a-z0-9]){0,14}", d in "[a-z0-9]([a-z0-9]|-[a-z0-9]){0,14}") {
            proptest::prop_assert!(is_slug(&a, SLUG_MAX) && is_slug(&b, APP_NAME_MAX));
            proptest::prop_assert!(app_namespace(&a, &b).len() <= 63);
            if (&a, &b) != (&c, &d) {
                proptest::prop_assert_ne!(app_namespace(&a, &b), app_namespace(&c, &d));
            }
        }
    }
}
