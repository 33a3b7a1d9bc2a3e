//! What reaches what, with real packets: each refusal beside a twin that gets through.

use crate::house::{House, on_the_node, say, website};

#[test]
fn a_tenant_reaches_its_own_and_nobody_elses() {
    on_the_node("isolation", async |house| {
        if !house.node.policies_enforced() {
            say("PACKETS NOT TESTED: this node's network does not enforce policies");
            return;
        }
        house.open(&website("saldus-novads", "viena", "viena.saldus.example.lv", "Viena")).await;
        house.open(&website("saldus-novads", "otra", "otra.saldus.example.lv", "Otra")).await;
        house.open(&website("ventspils", "vietne", "www.ventspils.example.lv", "Ventspils")).await;
        let ip = |space: &str| {
            let path = "jsonpath={.items[0].status.podIP}";
            house.world.lab.kubectl(["get", "pods", "--namespace", space, "--selector", "app=web", "--output", path]).unwrap()
        };
        let service = |space: &str| {
            house.world.lab.kubectl(["get", "service", "web", "--namespace", space, "--output", "jsonpath={.spec.clusterIP}"]).unwrap()
        };
        let ask = |from: &str, url: &str| ask(house, from, url);
        let one = "saldus-novads--viena";
        let own = [format!("http://{}:8080/healthz", ip(one)), format!("http://{}/healthz", service(one))];
        for url in &own {
            let answer = ask(one, url);
            assert!(through(&answer), "its own {url}: {answer}");
        }
        for other in ["saldus-novads--otra", "ventspils--vietne"] {
            for url in [format!("http://{}:8080/healthz", ip(other)), format!("http://{}/healthz", service(other))] {
                let answer = ask(one, &url);
                assert!(!through(&answer), "{other} at {url}: {answer}");
                let twin = ask(other, &url);
                assert!(through(&twin), "the same from inside {other}: {twin}");
            }
        }
        let api = ask(one, "https://10.0.0.1:443/version");
        assert!(!through(&api), "the API server: {api}");
        // Through the ingress everybody is reached.
        for host in ["viena.saldus.example.lv", "otra.saldus.example.lv", "www.ventspils.example.lv"] {
            house.page(host, "/", 200).await;
        }
    });
}

/// What a pod of a website hears from an address. A packet that is dropped has no answer in three seconds; one that is let
/// through has it in milliseconds.
pub fn ask(house: &House, from: &str, url: &str) -> String {
    let script = format!("curl --silent --output /dev/null --max-time 3 --write-out '%{{http_code}}' --insecure '{url}' || true");
    let script = format!(
        "if command -v curl >/dev/null; then {script}; else perl -e 'use IO::Socket::INET; my ($h,$p)=@ARGV; my $s=IO::Socket::INET->new(PeerAddr=>$h,PeerPort=>$p,Timeout=>3); print $s ? \"open\" : \"closed\"' {}; fi",
        address(url)
    );
    house.node.exec(from, "deployment/web", &["sh", "-c", &script]).unwrap()
}

/// Whether somebody has answered.
pub fn through(answer: &str) -> bool {
    ["200", "open", "401", "403"].iter().any(|said| answer.contains(said))
}

/// Host and port of a URL, apart.
fn address(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    match authority.split_once(':') {
        Some((host, port)) => format!("{host} {port}"),
        None => format!("{authority} {}", if scheme == "https" { 443 } else { 80 }),
    }
}
