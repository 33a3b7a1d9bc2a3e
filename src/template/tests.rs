use super::*;
use crate::request::quantity::Bytes;
use proptest::prelude::*;

const WEB: &str = "registry.example.lv/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn entry(objects: &str) -> HostedSystemSpec {
    let text = format!(
        r#"
title: {{lv: Vietne, en: Website}}
maintainer: platform
category: communication
dataClass: open
defaultVersion: "1.0"
defaultSize: small
sizes: {{small: {{cpu: 500m, memory: 512Mi, storage: 2Gi, pods: 4}}}}
parameters:
  type: object
  properties:
    title: {{type: string, default: none}}
    note: {{type: string}}
    colour: {{type: string, enum: [red, blue], default: red}}
    count: {{type: integer, default: 3}}
versions:
  - name: "1.0"
    images: {{web: "{WEB}"}}
    secrets: [{{name: database, keys: {{password: {{length: 32}}}}}}]
    objects: {objects}
"#
    );
    serde_yaml::from_str(&text).unwrap()
}

fn read(objects: &str) -> (Template, Vec<Rejection>) {
    let spec = entry(objects);
    Template::read(&spec, 0, &spec.versions[0])
}

/// A Deployment with these lines in its container, and these in its pod.
fn deployment(container: &str, pod: &str) -> String {
    format!(
        r#"[{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web}}, spec: {{selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{{pod} containers: [{{name: web, image: "${{images.web}}", {container} resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{cpu: 200m, memory: 64Mi}}}}}}]}}}}}}}}]"#
    )
}

fn problems(objects: &str) -> String {
    read(objects).1.iter().map(|r| format!("{} {} {}", r.reason, r.path, r.message)).collect::<Vec<_>>().join("\n")
}

fn size() -> GrantedSize {
    GrantedSize {
        name: "small".into(),
        cpu: crate::request::quantity::Cpu("500m".into()),
        cpu_burst: crate::request::quantity::Cpu("2".into()),
        memory: Bytes("512Mi".into()),
        storage: Bytes("2Gi".into()),
        pods: 4,
    }
}

fn render(template: &Template, parameters: &Value) -> Result<Vec<(Kind, Value)>, String> {
    let (key, municipality) = prove::stand_in();
    let (key, size) = (AppKey { municipality: "ogre".into(), ..key }, size());
    let app = For {
        key: &key,
        municipality: &municipality,
        system: "website",
        version: "1.0",
        size: &size,
        scheme: Scheme::Https,
        hostname: Some("www.ogre.example.lv"),
        parameters,
    };
    template.render(app)
}

fn config(data: &str) -> String {
    format!("[{{apiVersion: v1, kind: ConfigMap, metadata: {{name: settings}}, data: {{{data}}}}}]")
}

#[test]
fn a_sound_entry_has_no_problems_and_every_default() {
    let (template, found) = read(&deployment("", ""));
    assert!(found.is_empty(), "{found:?}");
    let objects = render(&template, &json!({})).unwrap();
    let pod = &objects[0].1["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], WEB);
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    let container = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true});
    assert_eq!(pod["containers"][0]["securityContext"], container);
    assert_eq!(objects[0].1["spec"]["strategy"]["rollingUpdate"]["maxSurge"], "25%");
}

#[test]
fn kinds_fields_and_values_outside_the_list_are_refused_with_their_path() {
    let cases = [
        ("[{apiVersion: v1, kind: Secret, metadata: {name: a}}]".to_string(), "/spec/versions/0/objects/0/kind", "`Secret` of `v1`"),
        ("[{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}}]".into(), "/kind", "write route on the version"),
        (
            "[{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: kube-system}}]".into(),
            "/metadata/namespace",
            "app's own namespace",
        ),
        ("[{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: {x: y}}}]".into(), "/metadata/annotations/x", "leave it out"),
        (
            "[{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {kopnams.lv/app: y}}}]".into(),
            "/metadata/labels/kopnams.lv/app",
            "leave it out",
        ),
        (deployment("", "hostPID: true,"), "/spec/template/spec/hostPID", "no part of the node"),
        (deployment("", "priorityClassName: system-node-critical,"), "/priorityClassName", "the operator decides it"),
        (deployment("", "serviceAccountName: default,"), "/serviceAccountName", "the operator decides it"),
        (deployment("", "volumes: [{name: a, hostPath: {path: /}}],"), "/volumes/0/hostPath/path", "no part of the node"),
        (deployment("securityContext: {privileged: true},", ""), "/securityContext/privileged", "no part of the node"),
        (deployment("securityContext: {readOnlyRootFilesystem: false},", ""), "/readOnlyRootFilesystem", "must be true"),
        (deployment("securityContext: {runAsUser: 0},", ""), "/runAsUser", "nothing runs as root"),
        (deployment("securityContext: {capabilities: {drop: [NET_RAW]}},", ""), "/capabilities/drop/0", "must be [ALL]"),
        (deployment("securityContext: {capabilities: {add: [NET_ADMIN]}},", ""), "/capabilities/add/0", "leave it out"),
        (deployment("ports: [{containerPort: 80, hostPort: 80}],", ""), "/ports/0/hostPort", "no part of the node"),
        (deployment("envFrom: [{secretRef: {name: a}}],", ""), "/envFrom/0/secretRef/name", "leave it out"),
        (deployment("", "securityContext: {supplementalGroups: [0]},"), "/securityContext/supplementalGroups/0", "nothing runs as root"),
        (
            format!(
                "[{}]",
                (0..11).map(|n| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c{n}}}}}")).collect::<Vec<_>>().join(", ")
            ),
            "/objects",
            "11 objects of kind ConfigMap",
        ),
        (
            "[{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}, {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]".into(),
            "/objects/1/metadata/name",
            "there are two objects ConfigMap `a`",
        ),
        (deployment("", "terminationGracePeriodSeconds: soon,"), "/objects/0", "invalid type: string"),
        (deployment("", r#"terminationGracePeriodSeconds: "${municipality.title}","#), "/terminationGracePeriodSeconds/lv", "leave it out"),
        ("[{apiVersion: v1, kind: Service, metadata: {name: kopnams-notice}}]".into(), "/metadata/name", "belongs to the operator"),
        ("[{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: NodePort}}]".into(), "/spec/type", "must be ClusterIP"),
    ];
    for (objects, path, words) in cases {
        let said = problems(&objects);
        assert!(said.contains("ObjectNotAllowed") && said.contains(path) && said.contains(words), "{objects}\n{said}");
    }
}

#[test]
fn expressions_stand_only_where_they_may() {
    let good = [
        deployment(r#"env: [{name: A, value: "${parameters.title}"}],"#, ""),
        deployment(r#"env: [{name: A, value: "https://${app.hostname}/"}],"#, ""),
        deployment(r#"args: ["--colour=${parameters.colour}", "${toJson(parameters.title)}"],"#, ""),
        deployment(r#"env: [{name: A, valueFrom: {secretKeyRef: {name: "${secrets.database}", key: password}}}],"#, ""),
        config(r#"a: "${has(parameters.note) ? parameters.note : ''}""#),
        config(r#"a: '{"t": ${toJson(parameters.title)}}'"#),
    ];
    for objects in good {
        assert_eq!(problems(&objects), "", "{objects}");
    }
    let bad = [
        (deployment(r#"env: [{name: A, value: "a ${parameters.title}"}],"#, ""), "would let a request write into"),
        (deployment(r#"env: [{name: A, value: "${'a' + parameters.title}"}],"#, ""), "would let a request write into"),
        (deployment(r#"args: ["${parameters.title}"],"#, ""), "would let a request write into"),
        (deployment(r#"args: ["${toJson(parameters.title) + (parameters.title)}"],"#, ""), "would let a request write into"),
        (deployment(r#"command: [sh, -c], args: ["echo ${toJson(parameters.title)}"],"#, ""), "never in a script"),
        (deployment(r#"command: [bash, -ec, "echo ${parameters.colour}"],"#, ""), "never in a script"),
        (deployment(r#"livenessProbe: {exec: {command: ["${parameters.colour}"]}},"#, ""), "would let a request write into"),
        (deployment(r#"workingDir: "${parameters.title}","#, ""), "would let a request write into"),
        (deployment(r#"env: [{name: A, value: "${secrets.database}"}],"#, ""), "names a secret"),
        (deployment("env: [{name: A, valueFrom: {secretKeyRef: {name: database, key: password}}}],", ""), "is no secret of the version"),
        (deployment(r#"env: [{name: A, valueFrom: {secretKeyRef: {name: "${secrets.other}", key: password}}}],"#, ""), "no secret `other`"),
        (deployment(r#"env: [{name: A, value: "${images.web}"}],"#, ""), "names an image"),
        (deployment(r#"env: [{name: A, value: "${parameters.typo}"}],"#, ""), "does not have"),
        (deployment(r#"env: [{name: A, value: "${parameters.note}"}],"#, ""), "may be left out"),
        (deployment(r#"env: [{name: A, value: "${environment.x}"}],"#, ""), "speaks of `environment`"),
        (deployment(r#"env: [{name: A, value: "${app.name"}],"#, ""), "does not close it"),
        (deployment(r#"env: [{name: A, value: "${1 +}"}],"#, ""), "is no expression"),
        (deployment(r#"env: [{name: A, value: "${T{a: 1}}"}],"#, ""), "has a brace in it"),
        (deployment(&format!(r#"env: [{{name: A, value: "${{{}1{}}}"}}],"#, "(".repeat(60), ")".repeat(60)), ""), "brackets and signs"),
        (deployment(r#"command: [sh, -ce], args: ["echo ${toJson(parameters.title)}"],"#, ""), "never in a script"),
        (
            deployment(r#"command: [sh, -c, "echo $(TITLE)"], env: [{name: TITLE, value: "${parameters.title}"}],"#, ""),
            "let the program read the variable TITLE itself",
        ),
        (
            deployment(r#"env: [{name: TITLE, value: "${parameters.title}"}, {name: URL, value: "https://$(TITLE)/"}],"#, ""),
            "let the program read the variable TITLE itself",
        ),
        (config(r#"a: "x = ${parameters.title}""#), "would let a request write into"),
        (r#"[{apiVersion: v1, kind: ConfigMap, metadata: {name: "${app.name}"}}]"#.into(), "no expression is allowed"),
        (
            r#"[{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: "${app.name}"}}}]"#.into(),
            "no expression is allowed",
        ),
    ];
    for (objects, words) in bad {
        let said = problems(&objects);
        assert!(said.contains("ExpressionInvalid") && said.contains(words), "{objects}\n{said}");
    }
    let image = deployment("", "").replace("${images.web}", "docker.example.lv/other:latest");
    assert!(problems(&image).contains("is no image of the version"), "{}", problems(&image));
}

#[test]
fn what_does_not_fit_at_the_worst_moment_is_refused() {
    let of = |replicas: u32, strategy: &str, memory: &str| {
        deployment("", "").replace("spec: {selector", &format!("spec: {{replicas: {replicas}, {strategy} selector")).replace("64Mi", memory)
    };
    assert_eq!(problems(&of(3, "", "128Mi")), "", "three and one more in a roll-out: 4 x 128Mi");
    assert!(
        problems(&of(4, "", "128Mi"))
            .contains("SizeTooSmall /spec/sizes/small size `small` has 512Mi of memory and the objects need 640Mi")
    );
    assert_eq!(problems(&of(4, "strategy: {type: Recreate},", "128Mi")), "");
    assert!(problems(&of(5, "strategy: {type: Recreate},", "64Mi")).contains("has 4 of pods and the objects need 5"));
    let none = deployment("", "").replace("cpu: 100m, memory: 64Mi}, limits", "memory: 64Mi}, limits");
    assert!(problems(&none).contains("a container needs a request of CPU"), "{}", problems(&none));
    let torn = deployment("", "").replace("limits: {cpu: 200m, memory: 64Mi}", "limits: {cpu: 200m, memory: 128Mi}");
    assert!(problems(&torn).contains("memory is promised and limit in one"), "{}", problems(&torn));
}

#[test]
fn init_containers_count_as_the_larger_and_sidecars_beside() {
    let init = |policy: &str| {
        let one = format!(
            r#"initContainers: [{{name: first, image: "${{images.web}}", {policy} resources: {{requests: {{cpu: 100m, memory: 480Mi}}, limits: {{cpu: 200m, memory: 480Mi}}}}}}],"#
        );
        deployment("", &one).replace("spec: {selector", "spec: {strategy: {type: Recreate}, selector")
    };
    assert_eq!(problems(&init("")), "", "the larger of 480Mi and 64Mi");
    assert!(problems(&init("restartPolicy: Always,")).contains("need 544Mi"), "{}", problems(&init("restartPolicy: Always,")));
}

#[test]
fn jobs_end_and_claims_are_held_by_one() {
    let job = r#"[{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {schedule: "0 3 * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "${images.web}", resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 64Mi}}}]}}}}}}]"#;
    assert!(problems(job).contains("write activeDeadlineSeconds on its pod template"), "{}", problems(job));
    let always = problems(&job.replace("restartPolicy: Never", "activeDeadlineSeconds: 60"));
    assert!(always.contains("write restartPolicy: Never or OnFailure"), "{always}");
    assert_eq!(problems(&job.replace("restartPolicy", "activeDeadlineSeconds: 60, restartPolicy")), "");
    let claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: files}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";
    let both = deployment("", "volumes: [{name: a, persistentVolumeClaim: {claimName: files}}],");
    let both = format!("[{claim}, {}", &both[1..]);
    assert!(problems(&both).contains("write strategy: {type: Recreate}"), "{}", problems(&both));
    assert_eq!(problems(&both.replace("spec: {selector", "spec: {strategy: {type: Recreate}, selector")), "");
}

#[test]
fn a_zero_byte_is_refused_before_anything_runs() {
    let (template, found) = read(&deployment(r#"env: [{name: A, value: "${parameters.title}"}],"#, ""));
    assert!(found.is_empty(), "{found:?}");
    assert!(render(&template, &json!({"title": "a\0b"})).unwrap_err().contains("zero byte"));
    assert!(render(&template, &json!({"title": "ab"})).is_ok());
}

#[test]
fn defaults_stand_for_parameters_that_are_left_out() {
    let (template, found) = read(&config(r#"a: "${parameters.title}", b: "${parameters.count}", c: "${municipality.name} $${x}""#));
    assert!(found.is_empty(), "{found:?}");
    let objects = render(&template, &json!({"title": "Ogre"})).unwrap();
    assert_eq!(objects[0].1["data"], json!({"a": "Ogre", "b": "3", "c": "ogre ${x}"}));
}

/// What the kubelet makes of a value, after `expand` of `k8s.io/kubernetes/third_party/forked/golang/expansion`.
fn expanded(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('$') {
        out += &rest[..at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if rest.starts_with('(') {
            return format!("{out}expanded");
        } else {
            out.push('$');
        }
    }
    out + rest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_parameter_stays_a_value(title in r#"(\$\{|\$\(|\$|\}|\{\{|---|\n|"|'|`|:|#|\\|[a-z]|[ēķ🏛]|\$\(HOME\)|\$\{app\.name\}){0,40}"#) {
        let container = r#"env: [{name: A, value: "${parameters.title}"}], args: ["--x=${toJson(parameters.title)}"],"#;
        let objects = deployment(container, "");
        let both = format!("{}, {}", &objects[..objects.len() - 1], &config(r#"a: "${parameters.title}""#)[1..]);
        let (template, found) = read(&both);
        prop_assert!(found.is_empty(), "{:?}", found);
        let plain = render(&template, &json!({"title": "plain"})).unwrap();
        let given = render(&template, &json!({"title": title})).unwrap();
        let mut differ = Vec::new();
        for (one, other) in plain.iter().zip(&given) {
            let mut leaves = std::collections::BTreeMap::new();
            shape::walk(&one.1, &mut Vec::new(), &mut |path, value| { leaves.insert(path.join("/"), value.clone()); });
            shape::walk(&other.1, &mut Vec::new(), &mut |path, value| {
                if leaves.remove(&path.join("/")).as_ref() != Some(value) { differ.push(path.join("/")); }
            });
            differ.extend(leaves.into_keys());
        }
        let pod = "spec/template/spec/containers/0/";
        let named = [format!("{pod}args/0"), format!("{pod}env/0/value"), "data/a".to_string()];
        prop_assert!(differ.iter().all(|path| named.contains(path)), "{:?}", differ);
        let at = |path: &str| given[0].1.pointer(&format!("/{pod}{path}")).and_then(Value::as_str).unwrap_or_default().to_string();
        prop_assert_eq!(expanded(&at("env/0/value")), title.clone());
        let word = expanded(&at("args/0"));
        prop_assert_eq!(serde_json::from_str::<Value>(&word["--x=".len()..]).unwrap(), json!(title.clone()));
        prop_assert_eq!(given[1].1.pointer("/data/a").and_then(Value::as_str), Some(&*title));
    }
}
