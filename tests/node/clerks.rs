//! The clerks' story on the node: all that a clerk does goes by host name through the ingress and the guard rails, the
//! database is in a pod of its own, and the report is asked for where the nightly one runs. The story itself is shared with
//! the test of the bare images.

use serde_json::Value;

use crate::house::{House, on_the_node};
use crate::story::{self, Rest};
use crate::tracker::{parsed, request};

const HOST: &str = "kac.saldus.example.lv";
const SPACE: &str = "saldus-novads--pakalpojumu-vadiba";
/// The app's own role, by the password that the database has from its secret; the script comes as an argument.
const SQL: &str = r#"PGPASSWORD=$(cat /etc/kopnams/database/password) exec /usr/bin/psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
    "host=127.0.0.1 user=$DB_USER dbname=$DB_NAME" -c "$1""#;

/// Request Tracker of a tenant, as its users reach it.
pub struct Tenant<'a> {
    pub house: &'a House,
    pub host: &'a str,
    pub password: String,
}

impl Rest for Tenant<'_> {
    fn call(&self, user: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (name, password) = user.split_once(':').unwrap();
        let text = if body.is_null() { String::new() } else { body.to_string() };
        parsed(self.house.call(self.host, name, password, method, &format!("/REST/2.0/{path}"), &text))
    }

    fn root(&self) -> String {
        format!("root:{}", self.password)
    }
}

#[test]
fn clerks_share_cases_on_the_node_and_72001_records_are_reported_in_time() {
    on_the_node("clerks", async |house| {
        let mut wanted = request("saldus-novads", "pakalpojumu-vadiba", HOST);
        house.open(&wanted).await;
        house.page(HOST, "/NoAuth/Login.html", 200).await;
        let tenant = Tenant { house, host: HOST, password: house.secret(SPACE, "root", "password").await };
        let report = |arguments: &[&str]| house.node.exec(SPACE, "deployment/web", &[&["rt-app", "report"], arguments].concat()).unwrap();
        story::one_in_each_centre(&tenant, report);
        story::a_case_of_two_municipalities(&tenant, report);
        story::many_records(report, |sql| {
            house.node.exec(SPACE, "statefulset/database", &["sh", "-c", SQL, "sh", sql]).unwrap();
        });
        // What REST counts is what the report counts.
        assert_eq!(story::total(&tenant, &tenant.root(), "Queue = 'Pieteikumi'"), 24_000 + 26);
        assert_eq!(story::total(&tenant, &tenant.root(), "Queue = 'Konsultācijas'"), 48_001 + 75);
        // The other tests need its place on the node.
        wanted["spec"]["suspend"] = true.into();
        house.world.apply(&wanted).await;
        house.page(HOST, "/REST/2.0/tickets", 503).await;
    });
}
