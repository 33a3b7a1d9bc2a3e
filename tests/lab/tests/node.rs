//! A node of the lab: pods run, volumes are written, names resolve, hosts answer, policies decide about packets.
//!
//! One node for all tests of this file; it ends with the process. How it ends is tested in `node_end.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kopnams_images::{Config, write_layout};
use kopnams_lab::node::busybox_root;
use kopnams_lab::{Lab, LabOptions, Node, NodeOptions};

struct Shared {
    lab: Lab,
    image: String,
}

/// The node, or nothing where there can be none.
fn shared(what: &str) -> Option<&'static Shared> {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    Node::possible_or_skip(what).unwrap().then(|| {
        SHARED.get_or_init(|| {
            let begun = Instant::now();
            let lab = Lab::start(LabOptions { node: Some(NodeOptions::default()), ..LabOptions::default() }).unwrap();
            eprintln!("a lab with a node was ready after {:.1} s", begun.elapsed().as_secs_f32());
            let image = web_image(&lab);
            Shared { lab, image }
        })
    })
}

/// A web server made on the spot.
fn web_image(lab: &Lab) -> String {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    busybox_root(&root).unwrap();
    fs::create_dir(root.join("www")).unwrap();
    fs::write(root.join("www/made.html"), "made here\n").unwrap();
    let config = Config {
        user: "33:33".to_owned(),
        entrypoint: ["httpd", "-f", "-v", "-p", "8080", "-h"].map(str::to_owned).to_vec(),
        cmd: vec!["/www".to_owned()],
        ..Config::default()
    };
    let layout = folder.path().join("layout");
    let built = write_layout(&root, &config, "localhost/kopnams-test/web:1", &layout).unwrap();
    let imported = lab.node().unwrap().import(&layout).unwrap();
    assert_eq!(imported, built.reference);
    imported
}

const WEB: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: ogre, labels: {pod-security.kubernetes.io/enforce: restricted}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: ogre}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ogre}
spec:
  strategy: {type: Recreate}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, fsGroup: 33, seccompProfile: {type: RuntimeDefault}}
      initContainers:
        - name: fill
          image: IMAGE
          imagePullPolicy: IfNotPresent
          command: [sh, -c, "echo \"written by $(id -u):$(id -g)\" >>/data/note.txt"]
          securityContext: &locked {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          volumeMounts: &data [{name: data, mountPath: /data}]
      containers:
        - name: web
          image: IMAGE
          imagePullPolicy: IfNotPresent
          args: [/data]
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /note.txt, port: 8080}, periodSeconds: 1}
          securityContext: *locked
          volumeMounts: *data
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ogre}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: ogre}
spec:
  ingressClassName: traefik
  rules:
    - host: ogre.example.lv
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"#;

#[test]
fn a_restricted_pod_writes_to_its_volume_and_answers_by_host_name() {
    let Some(Shared { lab, image }) = shared("the test of a pod on a node") else { return };
    let node = lab.node().unwrap();
    lab.kubectl_input(["apply", "-f", "-"], &WEB.replace("IMAGE", image)).unwrap();
    node.rolled_out("ogre", "deployment/web", Duration::from_mins(1)).unwrap();

    let answer = eventually("the ingress leads to the pod", || {
        let answer = node.get("ogre.example.lv", "/note.txt").unwrap();
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(answer.body, "written by 33:33\n");
    assert_eq!(node.get("other.example.lv", "/note.txt").unwrap().status, 404, "a host that nobody claims");

    assert_eq!(node.exec("ogre", "deployment/web", &["cat", "/data/note.txt"]).unwrap(), "written by 33:33\n");
    assert!(node.exec("ogre", "deployment/web", &["touch", "/www/other"]).is_err(), "the root is read-only");
    assert!(node.exec("ogre", "deployment/web", &["id", "-u"]).unwrap().starts_with("33"));
    assert!(node.logs("ogre", "deployment/web").unwrap().contains("response:200"), "httpd -v tells what it answered");

    // Through the Service, by name, from another pod of the namespace.
    let by_name = node.exec("ogre", "deployment/web", &["wget", "-q", "-O", "-", "http://web.ogre.svc.cluster.local/note.txt"]);
    assert_eq!(by_name.unwrap(), "written by 33:33\n");

    // The volume outlives the pod.
    lab.kubectl(["rollout", "restart", "--namespace", "ogre", "deployment/web"]).unwrap();
    node.rolled_out("ogre", "deployment/web", Duration::from_mins(1)).unwrap();
    assert_eq!(node.exec("ogre", "deployment/web", &["cat", "/data/note.txt"]).unwrap(), "written by 33:33\n".repeat(2));

    lab.kubectl(["delete", "namespace", "ogre", "--timeout=60s"]).unwrap();
    eventually("the volume of a deleted claim is removed", || {
        lab.kubectl(["get", "persistentvolumes", "--output", "name"]).unwrap().is_empty().then_some(())
    });
}

#[test]
fn names_resolve_and_only_those_of_the_cluster() {
    let Some(Shared { lab, image: _ }) = shared("the test of names on a node") else { return };
    let node = lab.node().unwrap();
    lab.kubectl(["create", "namespace", "names"]).unwrap();
    start_pod(lab, "names", "asks", &["sleep", "3600"]);
    let resolved = node.exec("names", "asks", &["nslookup", "kubernetes.default.svc.cluster.local"]).unwrap();
    assert!(resolved.contains("10.0.0.1\n"), "{resolved}");
    let short = node.exec("names", "asks", &["nc", "-w", "2", "kubernetes.default", "443"]);
    assert!(short.is_ok(), "short names follow the search list: {short:?}");
    assert!(node.exec("names", "asks", &["nslookup", "nobody.names.svc.cluster.local"]).is_err());
    assert!(node.exec("names", "asks", &["nslookup", "www.example.lv"]).is_err(), "there is no way out");
    lab.kubectl(["delete", "namespace", "names", "--timeout=60s"]).unwrap();
}

/// What a tenant's namespace gets: nothing in or out, but everything among its own pods, and names.
const POLICIES: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: among-ourselves}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {}}]}]
  egress:
    - to: [{podSelector: {}}]
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
      ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
";
const FROM_INGRESS: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-the-ingress}
spec:
  podSelector: {matchLabels: {run: web}}
  policyTypes: [Ingress]
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}, podSelector: {matchLabels: {app: traefik}}}]
      ports: [{port: 8080}]
";

#[test]
fn packets_obey_network_policies() {
    let Some(Shared { lab, image: _ }) = shared("the test of packets on a node") else { return };
    let node = lab.node().unwrap();
    if !node.policies_enforced() {
        eprintln!("PACKETS ARE NOT TESTED: {:?} does not enforce network policies", node.network());
        return;
    }
    for namespace in ["tukums", "talsi"] {
        lab.kubectl(["create", "namespace", namespace]).unwrap();
    }
    start_pod(lab, "tukums", "web", &["httpd", "-f", "-p", "8080", "-h", "/"]);
    start_pod(lab, "tukums", "neighbour", &["sleep", "3600"]);
    start_pod(lab, "talsi", "stranger", &["httpd", "-f", "-p", "8080", "-h", "/"]);
    lab.kubectl(["expose", "pod", "web", "--namespace", "tukums", "--port=80", "--target-port=8080"]).unwrap();
    lab.kubectl(["create", "ingress", "web", "--namespace", "tukums", "--rule=tukums.example.lv/*=web:80"]).unwrap();
    let pod = |namespace, name| {
        let address = ["get", "pod", name, "--namespace", namespace, "--output", "jsonpath={.status.podIP}"];
        lab.kubectl(address).unwrap()
    };
    let (web, stranger) = (pod("tukums", "web"), pod("talsi", "stranger"));
    let service = lab.kubectl(["get", "service", "web", "--namespace", "tukums", "--output", "jsonpath={.spec.clusterIP}"]).unwrap();
    let opens = |namespace: &str, from: &str, to: &str, port: &str| node.exec(namespace, from, &["nc", "-w", "2", to, port]).is_ok();
    let by_host = || node.get("tukums.example.lv", "/bin/busybox").map_or(0, |answer| answer.status);
    // Who asks whom, and whether it goes through with the policies in force. Without them all of it must.
    let table = [
        ("tukums", "neighbour", web.as_str(), "8080", true),
        ("tukums", "neighbour", service.as_str(), "80", true),
        ("tukums", "neighbour", "web.tukums.svc.cluster.local", "80", true),
        ("talsi", "stranger", web.as_str(), "8080", false),
        ("talsi", "stranger", service.as_str(), "80", false),
        ("tukums", "neighbour", stranger.as_str(), "8080", false),
        ("tukums", "neighbour", "10.0.0.1", "443", false),
        ("tukums", "neighbour", "198.18.213.2", "10250", false),
    ];
    let all_open = || table.iter().all(|(namespace, from, to, port, _)| opens(namespace, from, to, port)) && by_host() == 200;
    eventually("without policies everybody reaches everybody", || all_open().then_some(()));

    lab.kubectl_input(["apply", "--namespace", "tukums", "-f", "-"], POLICIES).unwrap();
    eventually("the policies hold", || (!opens("talsi", "stranger", &web, "8080")).then_some(()));
    // The kubelet is not shut out: a pod with a probe becomes ready.
    let probed = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probed"}, "spec": {"containers": [{"name": "main",
        "image": "IMAGE", "command": ["httpd", "-f", "-p", "8080", "-h", "/"],
        "readinessProbe": {"periodSeconds": 1, "httpGet": {"port": 8080, "path": "/bin/busybox"}}}]}}"#;
    lab.kubectl_input(["apply", "--namespace", "tukums", "-f", "-"], &probed.replace("IMAGE", node.busybox())).unwrap();
    lab.kubectl(["wait", "--namespace", "tukums", "--for=condition=Ready", "pod/probed", "--timeout=60s"]).unwrap();
    for (namespace, from, to, port, open) in table {
        assert_eq!(opens(namespace, from, to, port), open, "{namespace}/{from} to {to}:{port}");
    }
    assert_ne!(by_host(), 200, "the ingress has not been let in");
    lab.kubectl_input(["apply", "--namespace", "tukums", "-f", "-"], FROM_INGRESS).unwrap();
    eventually("the ingress is let in by its namespace and label", || (by_host() == 200).then_some(()));
    assert!(!opens("talsi", "stranger", &web, "8080"), "and nobody else");

    lab.kubectl(["delete", "networkpolicies", "--all", "--namespace", "tukums"]).unwrap();
    eventually("without policies all is open again", || all_open().then_some(()));
    lab.kubectl(["delete", "namespace", "tukums", "talsi", "--timeout=60s"]).unwrap();
}

/// Starts a pod of the lab's busybox and waits until it is ready.
fn start_pod(lab: &Lab, namespace: &str, name: &str, command: &[&str]) {
    let image = format!("--image={}", lab.node().unwrap().busybox());
    let overrides = r#"--overrides={"spec":{"terminationGracePeriodSeconds":0}}"#;
    let args = ["run", name, "--namespace", namespace, &image, overrides, "--restart=Never", "--command", "--"];
    lab.kubectl([&args[..], command].concat()).unwrap();
    lab.kubectl(["wait", "--namespace", namespace, "--for=condition=Ready", &format!("pod/{name}"), "--timeout=60s"]).unwrap();
}

/// What the question yields within a minute.
fn eventually<T>(what: &str, mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        sleep(Duration::from_millis(200));
    }
}
