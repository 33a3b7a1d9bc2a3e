//! What `make catalogue` writes.

use crate::pod::{can_run, catalogue};
use serde_yaml::Value;
use std::collections::BTreeSet;
use std::fs;

const KINDS: [&str; 8] =
    ["ConfigMap", "CronJob", "Deployment", "Job", "PersistentVolumeClaim", "PodDisruptionBudget", "Service", "StatefulSet"];

#[test]
fn entries_are_written_with_digests_and_nothing_else_changed() {
    if !can_run() {
        return;
    }
    let out = catalogue();
    let list: Value = serde_yaml::from_str(&fs::read_to_string(out.join("images.json")).unwrap()).unwrap();
    let references: BTreeSet<&str> = list.as_sequence().unwrap().iter().map(|image| image["reference"].as_str().unwrap()).collect();
    let mut entries = 0;
    for file in fs::read_dir(out).unwrap().map(|file| file.unwrap().path()).filter(|file| file.extension().is_some_and(|end| end == "yaml"))
    {
        let text = fs::read_to_string(&file).unwrap();
        let entry: Value = serde_yaml::from_str(&text).unwrap();
        let name = entry["metadata"]["name"].as_str().unwrap();
        entries += 1;
        for version in entry["spec"]["versions"].as_sequence().unwrap() {
            for image in version["images"].as_mapping().unwrap().values() {
                assert!(references.contains(image.as_str().unwrap()), "{name}: {image:?} was not built");
            }
            for object in version["objects"].as_sequence().unwrap() {
                assert!(KINDS.contains(&object["kind"].as_str().unwrap()), "{name}: {:?}", object["kind"]);
            }
        }
        // Lines are those of the source, so that a finding's line number leads there.
        let source = fs::read_to_string(format!("{}/catalogue/{name}/system.yaml", crate::pod::ROOT)).unwrap();
        assert_eq!(text.lines().count(), source.lines().count() + 1, "{name}");
        let differing = text.lines().skip(1).zip(source.lines()).filter(|(written, given)| written != given);
        assert!(differing.clone().all(|(_, given)| given.contains("\"recipe:")), "{name}");
        assert!(differing.count() > 0, "{name}");
    }
    assert_eq!(entries, 4);
}
