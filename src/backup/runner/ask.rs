//! Asks an app that was started on a backup whether it answers, and whether its pages are what they have to be.

use super::super::check::{HttpCheck, judge, unroutable};
use super::super::work::{Class, Report};
use super::failure::{Failure, Outcome};
use super::{probe, say};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// How often an app that does not answer is asked again, and a page that is not yet what it has to be.
const AGAIN: u32 = 10;
/// How long between.
const PAUSE: Duration = Duration::from_secs(2);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of an answer is looked at.
const MOST: usize = 4 << 20;

/// Asks an app whether it answers, and not with an error of its own; then for each of its pages. A service may take a moment
/// to lead to a pod that is ready, and a page a moment to be made, so both are asked for again for a while.
pub(super) fn ask(report: &mut Report, endpoint: Option<&str>, host: Option<&str>, checks: &[HttpCheck]) -> Outcome<()> {
    let Some(endpoint) = endpoint else {
        // A page that nobody has seen is none that is as it has to be.
        if let Some(check) = checks.first() {
            return Err(Failure::new(Class::CheckFailed, format!("{}.", unroutable(check))));
        }
        "What the app was asked is as it has to be.".clone_into(&mut report.message);
        return Ok(());
    };
    again(PAUSE, || probe::answers(endpoint, None))
        .map_err(|why| Failure::new(Class::NoAnswer, format!("The app does not answer at {endpoint}: {why}.")))?;
    let pages = Pages::new()?;
    for check in checks {
        again(PAUSE, || pages.look(endpoint, host, check))
            .map_err(|why| Failure::new(Class::CheckFailed, format!("check {}: {why}.", check.name)))?;
        say(&format!("check {}: {} is as it has to be", check.name, check.path));
    }
    report.message = match checks.len() {
        0 => format!("The app answers at {endpoint}."),
        1 => format!("The app answers at {endpoint}, and its page is as it has to be."),
        pages => format!("The app answers at {endpoint}, and {pages} pages are as they have to be."),
    };
    Ok(())
}

fn again(pause: Duration, mut act: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let mut said = act();
    for _ in 0..AGAIN {
        if said.is_ok() {
            break;
        }
        std::thread::sleep(pause);
        said = act();
    }
    said
}

/// A client that is led nowhere else.
struct Pages {
    http: Client<HttpConnector, Empty<Bytes>>,
    runtime: tokio::runtime::Runtime,
}

impl Pages {
    fn new() -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::local("Starting the client", &error))?;
        Ok(Self { http: Client::builder(TokioExecutor::new()).build_http(), runtime })
    }

    /// Whether a page is as a check says.
    fn look(&self, endpoint: &str, host: Option<&str>, check: &HttpCheck) -> Result<(), String> {
        let request = http::Request::get(format!("{endpoint}{}", check.path));
        let request = match host {
            Some(host) => request.header(http::header::HOST, host),
            None => request,
        };
        let request = request.body(Empty::new()).map_err(|error| format!("{} cannot be asked for: {error}", check.path))?;
        let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.fetched(request)).await });
        let (status, body) = answer
            .unwrap_or_else(|_| Err(format!("no answer in {} seconds", PATIENCE.as_secs())))
            .map_err(|why| format!("{} does not answer: {why}", check.path))?;
        judge(check, status, &body)
    }

    async fn fetched(&self, request: http::Request<Empty<Bytes>>) -> Result<(u16, Vec<u8>), String> {
        let answer = self.http.request(request).await.map_err(|error| error.to_string())?;
        let (status, mut rest, mut body) = (answer.status().as_u16(), answer.into_body(), Vec::new());
        while let Some(frame) = rest.frame().await {
            let frame = frame.map_err(|error| error.to_string())?;
            let Some(data) = frame.data_ref() else { continue };
            body.extend_from_slice(&data[..data.len().min(MOST - body.len())]);
            if body.len() == MOST {
                break;
            }
        }
        Ok((status, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A server that answers each request with what it was asked, as `host path`, and the text behind it so many times.
    fn server(status: &'static str, tail: &'static str, times: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut asked = [0; 2048];
                let length = stream.read(&mut asked).unwrap();
                let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
                let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
                let host = asked.lines().find_map(|line| line.strip_prefix("host: ").or(line.strip_prefix("Host: "))).unwrap_or_default();
                let body = format!("{host} {path}{}", tail.repeat(times));
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            }
        });
        format!("http://{address}")
    }

    fn look(endpoint: &str, status: u16, contains: &str) -> Result<(), String> {
        let check = HttpCheck { name: "front".into(), path: "/a?b=c".into(), status, contains: Some(contains.into()) };
        Pages::new().unwrap().look(endpoint, Some("majaslapa.ogre.example.lv"), &check)
    }

    #[test]
    fn a_page_is_asked_for_by_the_apps_own_name_and_judged() {
        let fine = server("200 OK", "", 0);
        assert_eq!(look(&fine, 200, "majaslapa.ogre.example.lv /a?b=c"), Ok(()));
        assert_eq!(look(&fine, 200, "another"), Err("/a?b=c does not contain the text that it should, in 32 bytes".into()));
        let elsewhere = server("302 Found\r\nLocation: http://127.0.0.1:1/", "", 0);
        assert_eq!(look(&elsewhere, 302, "majaslapa"), Ok(()), "it is not followed");
        assert_eq!(look(&elsewhere, 200, "majaslapa"), Err("/a?b=c answers with the status 302 and not 200".into()));
        let nobody = look("http://127.0.0.1:1", 200, "a").unwrap_err();
        assert!(nobody.starts_with("/a?b=c does not answer: "), "{nobody}");
    }

    #[test]
    fn a_page_without_an_end_is_looked_at_as_far_as_is_said() {
        let long = server("200 OK", "0123456789abcdef", MOST / 16);
        assert_eq!(look(&long, 200, "f0123456"), Ok(()));
        let told = look(&long, 200, "nothing").unwrap_err();
        assert_eq!(told, format!("/a?b=c does not contain the text that it should, in {MOST} bytes"));
    }

    #[test]
    fn an_app_whose_page_is_wrong_fails_by_the_checks_name() {
        let mut report = Report::default();
        let fine = server("200 OK", "", 0);
        let check = HttpCheck { name: "front".into(), path: "/".into(), status: 200, contains: None };
        assert_eq!(ask(&mut report, Some(&fine), None, std::slice::from_ref(&check)), Ok(()));
        assert!(report.message.ends_with("and its page is as it has to be."), "{}", report.message);
        assert_eq!(ask(&mut report, None, None, &[]), Ok(()));
        let unseen = ask(&mut report, None, None, &[check]).unwrap_err();
        assert_eq!(unseen.class, Class::CheckFailed);
        assert!(unseen.message.starts_with("check front: the app has no route, so / cannot be asked for; "), "{}", unseen.message);
    }
}
