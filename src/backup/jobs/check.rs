//! Commands in copies of an app's own containers, which a drill runs when it has started the app on a backup.

use super::User;
use serde_json::{Value, json};

/// Before the name of a check: its container.
pub const CHECK: &str = "check-";

/// A copy of a container that runs a command, and the volumes that it needs.
///
/// It has the container's image, environment, passwords, settings and user, none of its claims, and as much memory.
#[must_use]
pub fn check(name: &str, pod: &Value, container: &Value, command: &[String]) -> (Value, Vec<Value>) {
    let array = |of: &Value, field: &str| of.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let called = format!("{CHECK}{name}");
    let (mut mounts, mut volumes): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for mount in array(container, "volumeMounts") {
        let Some(volume) = array(pod, "volumes").into_iter().find(|volume| volume["name"] == mount["name"]) else { continue };
        // Nothing else may write there while the app runs, and a claim may be in use on another node.
        if volume.get("persistentVolumeClaim").is_some() || volume.get("ephemeral").is_some() {
            continue;
        }
        // Two checks may be of one container, and of two whose volumes have one name.
        super::carry(&called, mount, volume, &mut mounts, &mut volumes);
    }
    let user = User::of(pod, Some(container));
    let mut security = super::restricted();
    security["runAsUser"] = json!(user.uid);
    security["runAsGroup"] = json!(user.gid);
    let mut copy = json!({
        "name": called,
        "image": container.get("image"),
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": container.get("env"),
        "resources": container.get("resources"),
        "securityContext": security,
        // What it has printed is told, if it has written no message of its own.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    });
    if let Some(folder) = container.get("workingDir") {
        copy["workingDir"] = folder.clone();
    }
    (copy, volumes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_has_what_its_container_has_but_its_data() {
        let pod = json!({
            "securityContext": {"runAsUser": 999, "runAsGroup": 998, "fsGroup": 999},
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "database"}},
                {"name": "password", "secret": {"secretName": "database"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        });
        let container = json!({
            "image": "i", "args": ["serve"], "env": [{"name": "DB", "value": "rt"}], "resources": {"limits": {"memory": "1Gi"}},
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "password", "mountPath": "/password", "readOnly": true},
                {"name": "tmp", "mountPath": "/tmp"}, {"name": "tmp", "mountPath": "/run", "subPath": "run"},
            ],
        });
        let (copy, volumes) = check("rows", &pod, &container, &["psql".into(), "--command=select 1".into()]);
        assert_eq!(copy["name"], "check-rows");
        assert_eq!(copy["command"], json!(["psql", "--command=select 1"]));
        assert_eq!(copy.get("args"), None, "the command is all of it");
        assert_eq!((&copy["securityContext"]["runAsUser"], &copy["securityContext"]["runAsGroup"]), (&json!(999), &json!(998)));
        assert_eq!(copy["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(copy["env"], container["env"]);
        let names = |of: &[Value]| of.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&volumes), ["check-rows-password", "check-rows-tmp"]);
        assert_eq!(names(copy["volumeMounts"].as_array().unwrap()), ["check-rows-password", "check-rows-tmp", "check-rows-tmp"]);
    }
}
