//! What is asked of a forge, request by request, and what becomes of it when the forge fails in the middle.

use super::comment::Posted;
use super::*;
use serde_json::json;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

const TOKEN: &str = "very-secret-token";
const NO_HEADERS: &str = "";

/// What happens to the next request that writes something, or to any.
enum Fault {
    /// It is not looked at, and this is answered.
    Answer(u16, &'static str),
    /// It is done, and this is answered.
    DoneBut(u16),
    /// It is done, and the connection ends.
    DoneAndGone,
}

#[derive(Default)]
struct Kept {
    /// Id, login and text.
    comments: Vec<(u64, String, String)>,
    faults: VecDeque<(&'static str, Fault)>,
    seen: Vec<String>,
    /// Pages are passed over, and everything comes at once.
    all_at_once: bool,
    user: Option<&'static str>,
}

struct StandIn {
    kept: Arc<Mutex<Kept>>,
    port: u16,
}

impl StandIn {
    fn start(kept: Kept) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Mutex::new(kept));
        let shared = kept.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&shared, stream.unwrap());
            }
        });
        Self { kept, port }
    }

    fn forge(&self) -> Forge {
        let patience = Patience { times: 3, first: Duration::from_millis(5), longest: Duration::from_secs(1) };
        Forge::new(&format!("http://127.0.0.1:{}/api/v1", self.port), "novadi/pieprasijumi", Token::new(TOKEN), patience).unwrap()
    }

    fn comments(&self) -> Vec<(u64, String, String)> {
        self.kept.lock().unwrap().comments.clone()
    }

    fn writes(&self) -> Vec<String> {
        self.kept.lock().unwrap().seen.iter().filter(|line| !line.starts_with("GET")).cloned().collect()
    }
}

fn answer(kept: &Mutex<Kept>, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (mut length, mut authorized) = (0, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        authorized |= header == format!("authorization: bearer {TOKEN}");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    assert!(authorized, "{line}");
    let mut parts = line.split_whitespace();
    let (method, address) = (parts.next().unwrap(), parts.next().unwrap());
    let address = address.strip_prefix("/api/v1").unwrap_or(address);
    let mut kept = kept.lock().unwrap();
    kept.seen.push(format!("{method} {address}"));
    let fault = match kept.faults.front() {
        Some((of, _)) if *of == method => kept.faults.pop_front().map(|(_, fault)| fault),
        _ => None,
    };
    let (status, headers, value) = match fault {
        Some(Fault::Answer(status, headers)) => (status, headers, json!({"message": format!("no, said without {method}")})),
        Some(Fault::DoneBut(status)) => {
            done(&mut kept, method, address, &body);
            (status, NO_HEADERS, json!({}))
        }
        Some(Fault::DoneAndGone) => {
            done(&mut kept, method, address, &body);
            return;
        }
        None => {
            let (status, value) = done(&mut kept, method, address, &body);
            (status, NO_HEADERS, value)
        }
    };
    let text = value.to_string();
    let _ = write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{text}", text.len());
}

fn done(kept: &mut Kept, method: &str, address: &str, body: &[u8]) -> (u16, Value) {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let shown = |(id, login, body): &(u64, String, String)| json!({"id": id, "body": body, "user": {"login": login}, "html_url": format!("u/{id}")});
    let id = path.rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
    match (method, path) {
        ("GET", "/user") => kept.user.map_or((403, json!({"message": "Resource not accessible"})), |login| (200, json!({"login": login}))),
        ("GET", "/repos/novadi/pieprasijumi/issues/7/comments") => {
            let page: usize = query.split('&').find_map(|part| part.strip_prefix("page=")?.parse().ok()).unwrap();
            let all: Vec<Value> = kept.comments.iter().map(shown).collect();
            let page = if kept.all_at_once { all } else { all.into_iter().skip((page - 1) * 2).take(2).collect() };
            (200, Value::Array(page))
        }
        ("POST", "/repos/novadi/pieprasijumi/issues/7/comments") => {
            let comment = (kept.comments.len() as u64 + 100, kept.user.unwrap().to_owned(), text(&sent, "/body").to_owned());
            kept.comments.push(comment);
            (201, shown(kept.comments.last().unwrap()))
        }
        ("PATCH", _) => {
            let one = kept.comments.iter_mut().find(|(known, ..)| Some(*known) == id).unwrap();
            text(&sent, "/body").clone_into(&mut one.2);
            (200, json!({}))
        }
        ("DELETE", _) => {
            kept.comments.retain(|(known, ..)| Some(*known) != id);
            (204, Value::Null)
        }
        ("POST", path) if path.starts_with("/repos/novadi/pieprasijumi/statuses/") => (201, json!({})),
        _ => (404, json!({"message": "Not Found"})),
    }
}

fn kept() -> Kept {
    let strangers = (1..=5).map(|id| (id, "stranger".to_owned(), format!("<!-- kopnams:review -->\nI am it: {id}")));
    Kept { comments: strangers.collect(), user: Some("kopnams-bot"), ..Kept::default() }
}

fn own(stand: &StandIn) -> Vec<String> {
    stand.comments().into_iter().filter(|(_, login, _)| login == "kopnams-bot").map(|(.., body)| body).collect()
}

#[test]
fn a_comment_is_made_once_and_changed_from_then_on_and_those_of_others_are_left_alone() {
    for all_at_once in [false, true] {
        let stand = StandIn::start(Kept { all_at_once, ..kept() });
        let forge = stand.forge();
        assert_eq!(forge.comment(7, "review", "first\n").unwrap(), (Posted::Made, "u/105".into()));
        assert_eq!(forge.comment(7, "review", "first").unwrap().0, Posted::Same);
        assert_eq!(forge.comment(7, "review", "second").unwrap().0, Posted::Changed);
        assert_eq!(forge.comment(7, "result", "another kind").unwrap().0, Posted::Made);
        assert_eq!(own(&stand), ["<!-- kopnams:review -->\nsecond", "<!-- kopnams:result -->\nanother kind"]);
        assert_eq!(stand.comments()[..5], kept().comments[..], "what only says that it is it stays");
        let comments = "/repos/novadi/pieprasijumi/issues";
        let writes =
            [format!("POST {comments}/7/comments"), format!("PATCH {comments}/comments/105"), format!("POST {comments}/7/comments")];
        assert_eq!(stand.writes(), writes);
    }
}

#[test]
fn what_may_have_been_written_is_looked_for_and_not_written_twice() {
    for (name, fault, posts) in [
        ("the answer is lost", Fault::DoneAndGone, 1),
        ("something before the forge fails", Fault::DoneBut(502), 1),
        ("the answer is no JSON of a comment", Fault::DoneBut(500), 1),
        ("nothing was done", Fault::Answer(503, NO_HEADERS), 2),
        ("too much was asked", Fault::Answer(429, "retry-after: 0\r\n"), 2),
        ("too much was asked, as GitHub says it", Fault::Answer(403, "retry-after: 0\r\n"), 2),
    ] {
        let stand = StandIn::start(Kept { faults: [("POST", fault)].into(), ..kept() });
        stand.forge().comment(7, "review", "text").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(own(&stand), ["<!-- kopnams:review -->\ntext"], "{name}");
        assert_eq!(stand.writes().len(), posts, "{name}");
    }
}

#[test]
fn of_two_that_wrote_at_once_one_stays_and_says_the_newest() {
    let stand = StandIn::start(kept());
    for (id, text) in [(50, "old"), (51, "older"), (60, "of another run")] {
        let comment = (id, "kopnams-bot".to_owned(), format!("<!-- kopnams:review -->\n{text}"));
        stand.kept.lock().unwrap().comments.push(comment);
    }
    assert_eq!(stand.forge().comment(7, "review", "new").unwrap(), (Posted::Changed, "u/50".into()));
    assert_eq!(own(&stand), ["<!-- kopnams:review -->\nnew"]);
}

#[test]
fn what_is_final_is_asked_once_and_what_fails_is_asked_so_often_and_no_more() {
    let asked = |faults: Vec<(&'static str, Fault)>| {
        let stand = StandIn::start(Kept { faults: faults.into(), ..kept() });
        let error = stand.forge().comment(7, "review", "text").unwrap_err().to_string();
        assert!(!error.contains(TOKEN), "{error}");
        let asked = stand.kept.lock().unwrap().seen.len();
        (error, asked)
    };
    let (error, times) = asked(vec![("GET", Fault::Answer(401, NO_HEADERS))]);
    assert_eq!(times, 1);
    assert!(error.contains("GET /user: the forge refuses it (401: no, said without GET). The token is wrong"), "{error}");
    let (error, times) = asked((0..3).map(|_| ("GET", Fault::Answer(502, NO_HEADERS))).collect());
    assert_eq!((error.as_str(), times), ("GET /user: it answers 502; asked 3 times, nothing more is known", 3));
    let (error, times) = asked(vec![("GET", Fault::Answer(429, "retry-after: 3600\r\n"))]);
    assert!(error.contains("wants to be asked again in 60 minutes only; asked 1 times") && times == 1, "{error}");
    let (error, _) = asked(vec![("GET", Fault::Answer(301, "location: http://elsewhere.example.lv\r\n"))]);
    assert!(error.contains("it has moved; name the address"), "{error}");
    let stand = StandIn::start(kept());
    let error = stand.forge().comment(7, "review", &"x".repeat(65_600)).unwrap_err().to_string();
    assert!(error.contains("the comment has 65624 characters, and forges take 65536"), "{error}");
}

#[test]
fn a_token_is_sent_encrypted_only_and_shown_nowhere() {
    let forge = |api: &str, repository: &str| Forge::new(api, repository, Token::new(TOKEN), Patience::default());
    for api in ["http://git.example.lv/api/v1", "git.example.lv", "ftp://git.example.lv", "http://127.0.0.1.example.lv/api/v1", ""] {
        let error = forge(api, "a/b").unwrap_err().to_string();
        assert!(error.contains("a token may be sent to; write it with https"), "{api}: {error}");
    }
    for repository in ["a", "a/b/c", "a/..", "../b", "a/b?x", ""] {
        assert!(forge("https://git.example.lv/api/v1", repository).unwrap_err().to_string().contains("write OWNER/NAME"), "{repository}");
    }
    let fine = forge("https://git.example.lv/api/v1/", "a/b").unwrap();
    assert!(!format!("{fine:?}").contains(TOKEN));
}

#[test]
fn githubs_workflows_may_not_ask_who_they_are() {
    let stand = StandIn::start(Kept { user: None, ..kept() });
    let patience = Patience { times: 1, ..Patience::default() };
    let forge = Forge { api: format!("http://127.0.0.1:{}", stand.port), ..stand.forge() };
    assert_eq!(Forge { patience, ..forge }.login().unwrap(), "github-actions[bot]");
    assert!(matches!(stand.forge().login(), Err(ForgeError::Forbidden { status: 403, .. })), "elsewhere they may");
}
