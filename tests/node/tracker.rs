//! The programme's two systems, asked for, answering through the ingress, and used through REST.

use serde_json::{Value, json};

use crate::backups::{back_up, no_target, over, start_of, target};
use crate::house::on_the_node;
use crate::kit::{app_of, shown, text};

/// A request for one of the two, as their classes of data want it.
pub fn request(slug: &str, system: &str, host: &str) -> Value {
    let mut request = app_of(slug, system, system);
    request["spec"]["hostname"] = host.into();
    request["spec"]["processing"] = json!({"legalBasis": "Valsts pārvaldes iekārtas likums, 10. pants"});
    request
}

/// An answer of REST; what is not JSON as a text.
pub fn parsed((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

#[test]
fn a_case_is_opened_in_the_service_management_and_survives_a_restart() {
    on_the_node("service management", async |house| {
        let (host, space) = ("kac.ventspils.example.lv", "ventspils--pakalpojumu-vadiba");
        house.open(&request("ventspils", "pakalpojumu-vadiba", host)).await;
        house.page(host, "/NoAuth/Login.html", 200).await;
        let (_, page) = house.call(host, "", "", "GET", "/NoAuth/Login.html", "");
        assert!(page.contains("Lietotājvārds") || page.contains("Parole"), "the login page is in Latvian: {page}");

        let password = house.secret(space, "root", "password").await;
        let ask = |method: &str, path: &str, body: &Value| {
            let text = if body.is_null() { String::new() } else { body.to_string() };
            parsed(house.call(host, "root", &password, method, &format!("/REST/2.0/{path}"), &text))
        };
        let case = json!({
            "Queue": "Konsultācijas", "Subject": "Bērna kopšanas pabalsts", "Requestor": "kac@ventspils.example.lv",
            "CustomFields": {"Centrs": "Piltene", "Iestāde": "VSAA", "Kanāls": "klātiene"},
        });
        let (status, made) = ask("POST", "ticket", &case);
        assert_eq!(status, 201, "{made}");
        let refused = parsed(house.call(host, "root", "wrong", "POST", "/REST/2.0/ticket", &case.to_string()));
        assert_eq!(refused.0, 401, "refused by Request Tracker itself: {}", refused.1);

        // Restarting is deleting the pods; what was entered stays.
        house.world.lab.kubectl(["delete", "pods", "--all", "--namespace", space, "--wait=true"]).unwrap();
        house.ready("ventspils", "pakalpojumu-vadiba").await;
        house.page(host, "/NoAuth/Login.html", 200).await;
        let (status, found) = ask("GET", "tickets?query=Queue%3D%27Konsult%C4%81cijas%27", &Value::Null);
        assert_eq!((status, found["total"].as_i64()), (200, Some(1)), "{found}");
        let user = house.node.exec(space, "deployment/web", &["id", "-u"]).unwrap();
        assert_eq!(user.trim(), "33");

        // A backup of it starts as the system itself does, with its login page and its users.
        target(house).await;
        let set = back_up(house, "ventspils", "pakalpojumu-vadiba").await;
        let drill = start_of(house, "ventspils", "pakalpojumu-vadiba", &set).await;
        let done = over(house, "RestoreDrill", &drill, "Succeeded").await;
        let steps: Vec<&str> = done["status"]["steps"].as_array().unwrap().iter().map(|step| text(step, "/name")).collect();
        assert_eq!(steps[steps.len() - 2..], ["start", "ask"], "{}", shown(&done));
        no_target(house).await;
    });
}

#[test]
fn a_question_to_the_support_gets_its_due_date() {
    on_the_node("e-service support", async |house| {
        let (host, space) = ("atbalsts.ventspils.example.lv", "ventspils--e-atbalsts");
        house.open(&request("ventspils", "e-atbalsts", host)).await;
        let form = house.page(host, "/NoAuth/palidziba.html", 200).await;
        assert!(form.contains("<form") && form.contains("lang=\"lv\""), "{form}");
        let password = house.secret(space, "root", "password").await;
        let ask = |method: &str, path: &str, body: &Value| {
            let text = if body.is_null() { String::new() } else { body.to_string() };
            parsed(house.call(host, "root", &password, method, &format!("/REST/2.0/{path}"), &text))
        };
        let question = json!({"Queue": "E-pakalpojumu atbalsts", "Subject": "Nevaru parakstīt", "Requestor": "iedzivotajs@example.lv"});
        let (status, made) = ask("POST", "ticket", &question);
        assert_eq!(status, 201, "{made}");
        let (_, ticket) = ask("GET", &format!("ticket/{}", made["id"].as_str().unwrap()), &Value::Null);
        assert!(ticket["Due"].as_str().is_some_and(|due| due.starts_with("20")), "{ticket}");
    });
}
