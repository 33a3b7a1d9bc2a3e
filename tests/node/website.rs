//! A municipality's website: asked for, answering, changed, paused, removed and asked for again, with its files.

use serde_json::{Value, json};
use std::time::Duration;

use crate::house::{on_the_node, website};
use crate::kit::{condition, text};

#[test]
fn a_request_for_a_website_ends_with_the_website_answering() {
    on_the_node("a website", async |house| {
        let host = "www.kuldiga.example.lv";
        let app = house.open(&website("kuldigas-novads", "vietne", host, "Kuldīgas <novads> & \"citi\"")).await;
        assert_eq!(condition(&app, "Deployed"), ("True", "Deployed"));
        assert_eq!(app["status"]["url"], format!("http://{host}"));
        let page = house.page(host, "/", 200).await;
        assert!(page.contains("Kuldīgas &lt;novads&gt; &amp; &quot;citi&quot;"), "{page}");
        assert!(page.contains("lang=\"lv\""), "{page}");

        // No container runs as root, whatever the image says, and the restricted level warns of nothing.
        let space = "kuldigas-novads--vietne";
        let user = house.node.exec(space, "deployment/web", &["id", "-u"]).unwrap();
        assert_eq!(user.trim(), "33");
        let written = house.node.exec(space, "deployment/web", &["sh", "-c", "touch /etc/x 2>&1 || echo refused"]).unwrap();
        assert!(written.contains("Read-only file system") && written.contains("refused"), "{written}");
        let dry = house.world.lab.kubectl([
            "label",
            "--dry-run=server",
            "--overwrite",
            "namespace",
            space,
            "pod-security.kubernetes.io/enforce=restricted",
        ]);
        assert!(!dry.unwrap().to_lowercase().contains("warning"));
    });
}

#[test]
fn files_outlive_a_changed_title_a_pause_and_a_removal() {
    on_the_node("a website's files", async |house| {
        let (slug, host, space) = ("ogres-novads", "www.ogre.example.lv", "ogres-novads--vietne");
        let mut request = website(slug, "vietne", host, "Ogre");
        house.open(&request).await;
        house.page(host, "/", 200).await;
        let password = house.secret(space, "editor", "password").await;
        let (status, said) = house.call(host, "redaktors", &password, "PUT", "/augsupielade/zinas.html", "<p>Jaunumi</p>");
        assert_eq!(status, 201, "{said}");
        assert_eq!(house.call(host, "redaktors", "wrong", "PUT", "/augsupielade/x.html", "x").0, 401, "refused by the website itself");
        assert_eq!(house.page(host, "/zinas.html", 200).await, "<p>Jaunumi</p>");

        request["spec"]["parameters"] = json!({"siteTitle": "Ogre pie Daugavas"});
        house.world.apply(&request).await;
        house
            .world
            .within(Duration::from_mins(2), "the new title is shown", async || match house.node.get(host, "/") {
                Ok(answer) if answer.body.contains("Ogre pie Daugavas") => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await;
        house.ready(slug, "vietne").await;
        assert_eq!(house.page(host, "/zinas.html", 200).await, "<p>Jaunumi</p>");

        request["spec"]["suspend"] = true.into();
        house.world.apply(&request).await;
        house.world.see("MunicipalityApp", slug, "vietne", "suspended", |app| condition(app, "Ready") == ("True", "Suspended")).await;
        let notice = house.page(host, "/zinas.html", 503).await;
        assert!(notice.contains("Pakalpojums ir apturēts") && notice.contains("lang=\"en\""), "{notice}");
        house
            .world
            .until("nothing but the notice runs", async || {
                let pods = house.world.list("Pod", space).await;
                let names: Vec<&str> = pods.iter().map(|pod| text(pod, "/metadata/labels/app")).collect();
                if names == ["kopnams-notice"] { Ok(()) } else { Err(format!("{names:?}")) }
            })
            .await;
        request["spec"]["suspend"] = false.into();
        house.open(&request).await;
        assert_eq!(house.page(host, "/zinas.html", 200).await, "<p>Jaunumi</p>");
        house.world.gone("Deployment", space, "kopnams-notice").await;

        let claim = text(&house.world.get("PersistentVolumeClaim", space, "files").await.unwrap(), "/metadata/uid").to_string();
        house.world.delete("MunicipalityApp", slug, "vietne").await;
        house.world.gone("MunicipalityApp", slug, "vietne").await;
        house
            .world
            .see("Municipality", "", slug, "a tenant that waits for its final backup", |town| {
                town["status"]["unclaimed"].as_array().is_some_and(|all| all.iter().any(|one| one["state"] == "AwaitingFinalBackup"))
            })
            .await;
        house.open(&request).await;
        assert_eq!(house.page(host, "/zinas.html", 200).await, "<p>Jaunumi</p>");
        assert_eq!(text(&house.world.get("PersistentVolumeClaim", space, "files").await.unwrap(), "/metadata/uid"), claim);
        assert_eq!(house.secret(space, "editor", "password").await, password, "the password is the same");
    });
}

#[test]
fn what_a_request_says_reaches_a_container_byte_for_byte() {
    on_the_node("byte for byte", async |house| {
        let image = house.node.busybox().to_string();
        let entry: Value = json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "HostedSystem", "metadata": {"name": "atbalss"},
            "spec": {
                "title": {"lv": "Atbalss", "en": "Echo"}, "maintainer": "platform", "category": "test", "dataClass": "open",
                "defaultVersion": "1", "defaultSize": "small",
                "sizes": {"small": {"cpu": "100m", "memory": "64Mi", "storage": "1Gi", "pods": 3}},
                "parameters": {"type": "object", "properties": {"words": {"type": "string", "maxLength": 65536}}, "required": ["words"]},
                "versions": [{"name": "1", "images": {"box": image}, "secrets": [{"name": "database", "keys": {"password": {}}}], "objects": [{
                    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "echo"},
                    "spec": {"strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": "echo"}}, "template": {
                        "metadata": {"labels": {"app": "echo"}},
                        "spec": {"securityContext": {"runAsUser": 1000}, "terminationGracePeriodSeconds": 1, "containers": [{
                            "name": "echo", "image": "${images.box}", "command": ["/bin/sh", "-c", "printf '%s\\n' \"$WORDS\"; sleep 100000"],
                            "env": [
                                {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "${secrets.database}", "key": "password"}}},
                                {"name": "WORDS", "value": "${parameters.words}"},
                            ],
                            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}},
                        }]},
                    }},
                }]}],
            },
        });
        house.world.apply(&entry).await;
        let words = "$(DB_PASSWORD) $$ ${app.name} \"'`id`\n---\nkey: {a: [b]} 🏛 \\n $(WORDS)";
        let mut request = crate::kit::app_of("olaines-novads", "atbalss", "atbalss");
        request["spec"]["parameters"] = json!({"words": words});
        house.open(&request).await;
        let logged = house.node.logs("olaines-novads--atbalss", "deployment/echo").unwrap();
        assert_eq!(logged.trim_end_matches('\n'), words, "{logged}");
    });
}
