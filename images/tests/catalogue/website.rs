//! The website and the notice in the place of a paused service.

use crate::pod::{Image, Pod, Start, can_run};
use std::collections::BTreeMap;
use std::fs;

fn start<'a>(pod: &Pod, image: &'a Image, title: &str, text: &str) -> Start<'a> {
    let content =
        [("siteTitle", title), ("text", text), ("textEn", ""), ("municipality", "Kuldīgas novads"), ("municipalityEn", "Kuldīga")];
    Start {
        image,
        mounts: vec![
            (pod.volume("site", image), "/srv/site"),
            (pod.files("content", &content), "/etc/kopnams/content"),
            (pod.files("editor", &[("password", "an-editor's-password")]), "/etc/kopnams/editor"),
        ],
        scratch: &["/tmp"],
        env: BTreeMap::new(),
    }
}

#[test]
fn a_start_page_shows_texts_as_texts() {
    if !can_run() {
        return;
    }
    let image = Image::of("nginx-site");
    let pod = Pod::start();
    let title = "Kuldīga <script>alert(1)</script> \"&\" 'x' ${e} $(DB_PASSWORD) 🏛";
    let text = format!("<!--# include virtual=\"/content/siteTitle\" -->\n<!--# exec cmd=\"id\" -->\n---\n{}", "ļ".repeat(30_000));
    let start = start(&pod, &image, title, &text);
    let web = start.spawn(&pod, "web", &[]);
    pod.wait_for("http://127.0.0.1:8080/healthz", 200);
    let (status, page) = pod.http(&["http://127.0.0.1:8080/"]);
    assert_eq!(status, 200);
    let shown = "Kuldīga &lt;script&gt;alert(1)&lt;/script&gt; &quot;&amp;&quot; 'x' ${e} $(DB_PASSWORD) 🏛";
    assert!(page.contains(&format!("<h1>{shown}</h1>")) && page.contains(&format!("<title>{shown}</title>")), "{page}");
    assert!(page.contains("&lt;!--# include virtual=") && !page.contains("uid="), "an instruction in a text was carried out");
    assert!(page.contains(&"ļ".repeat(30_000)), "a long text is cut off");
    assert!(page.contains("<html lang=\"lv\">") && page.contains("lang=\"en\""));
    assert_eq!(pod.http(&["http://127.0.0.1:8080/content/text"]).0, 404);
    assert_eq!(pod.http(&["--path-as-is", "http://127.0.0.1:8080/augsupielade/../../../etc/passwd"]).0, 400);
    assert_eq!(web.terminate().0, Some(0));
}

#[test]
fn an_editor_uploads_files_and_nobody_else() {
    if !can_run() {
        return;
    }
    let image = Image::of("nginx-site");
    let pod = Pod::start();
    let start = start(&pod, &image, "Vietne", "");
    let file = pod.folder.path().join("page.html");
    fs::write(&file, "<h1>Jaunumi</h1>").unwrap();
    let file = file.to_str().unwrap();
    let mut web = start.spawn(&pod, "web", &[]);
    pod.wait_for("http://127.0.0.1:8080/healthz", 200);
    let target = "http://127.0.0.1:8080/augsupielade/jaunumi/index.html";
    let user = "redaktors:an-editor's-password";
    assert_eq!(pod.http(&["--upload-file", file, target]).0, 401);
    assert_eq!(pod.http(&["--user", "redaktors:wrong", "--upload-file", file, target]).0, 401);
    assert_eq!(pod.http(&["--user", user, "--upload-file", file, "http://127.0.0.1:8080/index.html"]).0, 405);
    assert_eq!(pod.http(&["--user", user, "--upload-file", file, target]).0, 201);
    assert_eq!(pod.http(&["http://127.0.0.1:8080/jaunumi/"]), (200, "<h1>Jaunumi</h1>".to_owned()));

    // Files outlive the container, and an index.html of one's own takes the place of the start page.
    web.kill();
    let second = start.spawn(&pod, "web", &[]);
    pod.wait_for("http://127.0.0.1:8080/healthz", 200);
    assert_eq!(pod.http(&["http://127.0.0.1:8080/jaunumi/"]).0, 200);
    assert_eq!(pod.http(&["--user", user, "--upload-file", file, "http://127.0.0.1:8080/augsupielade/index.html"]).0, 201);
    assert_eq!(pod.http(&["http://127.0.0.1:8080/"]), (200, "<h1>Jaunumi</h1>".to_owned()));

    // Without a password there is no door.
    pod.files("editor", &[("password", "")]);
    drop(second);
    let _web = start.spawn(&pod, "web", &[]);
    pod.wait_for("http://127.0.0.1:8080/healthz", 200);
    assert_eq!(pod.http(&["--user", "redaktors:", "--upload-file", file, target]).0, 401);
}

#[test]
fn a_notice_says_that_a_service_is_paused() {
    if !can_run() {
        return;
    }
    let image = Image::of("notice");
    let pod = Pod::start();
    let start = Start { image: &image, mounts: vec![], scratch: &["/tmp"], env: BTreeMap::new() };
    let _notice = start.spawn(&pod, "notice", &[]);
    pod.wait_for("http://127.0.0.1:8080/healthz", 200);
    for path in ["", "REST/2.0/ticket/1", "notice.html"] {
        let (status, page) = pod.http(&["--include", &format!("http://127.0.0.1:8080/{path}")]);
        assert_eq!(status, 503, "{path}");
        assert!(page.contains("Pakalpojums ir apturēts") && page.contains("This service is paused"), "{page}");
        assert!(page.contains("Retry-After: 3600"), "{page}");
    }
}
