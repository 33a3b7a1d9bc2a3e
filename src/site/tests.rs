//! The site as a whole: what it holds, how large it is, and that nothing of the catalogue becomes markup.

use super::*;
use crate::request::check::Definitions;
use crate::request::read;
use crate::review::{Review, review};
use forge::Kind;
use jiff::Timestamp;
use std::path::PathBuf;

/// What a page may weigh.
const HEAVIEST: usize = 300 * 1024;

fn reviewed(more: &[String]) -> Review {
    let mut tree = read::read(&["examples/platform", "tests/page/odd.yaml"].map(PathBuf::from)).unwrap();
    for (layer, text) in more.iter().enumerate() {
        let (documents, broken) = read::parse("more.yaml", layer + 2, text.as_bytes());
        assert!(broken.is_empty(), "{broken:?}");
        tree.documents.extend(documents.into_iter().map(std::sync::Arc::new));
    }
    review(&tree, None, &Definitions::compile().unwrap(), Timestamp::UNIX_EPOCH)
}

fn site(review: &Review) -> Files {
    let forge = Forge::new(Kind::Forgejo, "https://git.example.lv", "pasvaldibas/pieprasijumi", "main").unwrap();
    build(&review.register, Some(&forge)).unwrap()
}

fn text<'a>(files: &'a Files, path: &str) -> &'a str {
    std::str::from_utf8(files.get(path).unwrap_or_else(|| panic!("no {path}"))).unwrap()
}

/// The site's pages.
fn pages(files: &Files) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    files.iter().filter(|(path, _)| std::path::Path::new(path).extension().is_some_and(|end| end == "html"))
}

#[test]
fn every_system_has_its_pages_and_they_come_out_the_same_each_time() {
    let review = reviewed(&[]);
    assert!(review.findings.is_empty(), "{:?}", review.findings);
    let files = site(&review);
    for name in review.register.system_names() {
        for path in [format!("sistemas/{name}.html"), format!("en/systems/{name}.html"), format!("facts/{name}.js")] {
            assert!(files.contains_key(&path), "{path}");
        }
        assert!(text(&files, "index.html").contains(&format!("href=\"sistemas/{name}.html\"")), "{name}");
        assert!(text(&files, "en/index.html").contains(&format!("href=\"systems/{name}.html\"")), "{name}");
    }
    assert_eq!(files, site(&reviewed(&[])));
}

#[test]
fn every_link_of_a_page_leads_to_a_file_of_the_site_and_nothing_comes_from_elsewhere() {
    let files = site(&reviewed(&[]));
    for (path, bytes) in pages(&files) {
        let page = std::str::from_utf8(bytes).unwrap();
        let folders: Vec<&str> = path.split('/').rev().skip(1).collect();
        let links = ["href=\"", "src=\""].into_iter().flat_map(|mark| page.split(mark).skip(1));
        for link in links.filter_map(|rest| rest.split('"').next()).filter(|link| !link.starts_with('#')) {
            let up = link.matches("../").count();
            assert!(up <= folders.len(), "{path}: {link}");
            let mut parts: Vec<&str> = folders.iter().rev().take(folders.len() - up).copied().collect();
            parts.extend(link.trim_start_matches("../").split('/'));
            assert!(files.contains_key(&parts.join("/")), "{path}: {link}");
        }
        assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"), "{path} has no policy");
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
        assert_eq!(page.matches("<script").count(), page.matches("<script src=\"").count(), "{path} has a script of its own");
    }
}

#[test]
fn words_of_the_catalogue_are_words_on_the_page() {
    let files = site(&reviewed(&[]));
    let lv = text(&files, "sistemas/odd-known.html");
    let en = text(&files, "en/systems/odd-known.html");
    assert!(lv.contains("<h1>&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;</h1>"), "{lv}");
    assert!(en.contains("<h1>&quot;Odd&quot; &amp; 'known' &lt;i&gt;</h1>"), "{en}");
    for page in [lv, en] {
        assert!(page.contains("Two letters, &quot;-&quot; and &lt;digits&gt;") && page.contains("&lt;b&gt;odd&lt;/b&gt;"));
        assert!(page.contains("A &quot;word&quot;") && !page.contains("alert(2)</script>") && !page.contains("<b>odd"));
        assert!(!page.contains("javascript:"), "a documentation that is no address is no link");
    }
    assert!(lv.contains("Bez &quot;domēna&quot; &lt;b&gt;") && en.contains("Without a domain &lt;/option&gt;"));
    assert!(text(&files, "index.html").contains("&lt;script&gt;alert(1)"));
    // A field of this name would be something else in a script's own object.
    assert!(text(&files, "facts/odd-known.js").contains(r#"JSON.parse("{"#));
}

#[test]
fn what_the_browser_cannot_check_is_said_on_the_page() {
    let files = site(&reviewed(&[]));
    let page = text(&files, "en/systems/odd-unknown.html");
    for field in ["chosen", "list", "half", "map", "bounded"] {
        assert!(page.contains(&format!("<li>the setting “{field}”</li>")), "{field}");
    }
    assert!(!page.contains("the setting “plain”") && !text(&files, "en/systems/odd-known.html").contains("the setting “"));
}

#[test]
fn every_sample_is_a_good_request_or_says_what_is_missing() {
    let review = reviewed(&[]);
    let files = site(&review);
    for name in review.register.system_names() {
        let sample = text(&files, &format!("paraugi/{name}.yaml")).to_string();
        let marked = sample.contains("still to mend");
        let found = reviewed(std::slice::from_ref(&sample)).findings;
        assert_eq!(marked, name == "odd-known", "{sample}");
        assert!(marked || found.is_empty(), "{sample}\n{found:?}");
        assert!(found.iter().all(|finding| finding.code.as_str() == "ParametersInvalid"), "{sample}\n{found:?}");
    }
}

#[test]
fn no_page_of_a_large_catalogue_is_heavy() {
    let entry = std::fs::read_to_string("examples/platform/systems/map-viewer.yaml").unwrap();
    let systems: Vec<String> = (0..100).map(|n| entry.replace("name: map-viewer", &format!("name: map-viewer-{n}"))).collect();
    let files = site(&reviewed(&systems));
    assert!(files.len() > 400);
    let assets: usize = files.iter().filter(|(path, _)| path.starts_with("assets/")).map(|(_, bytes)| bytes.len()).sum();
    let heaviest = pages(&files).max_by_key(|(_, bytes)| bytes.len()).unwrap();
    let facts = files.iter().filter(|(path, _)| path.starts_with("facts/")).map(|(_, bytes)| bytes.len()).max().unwrap();
    let all = heaviest.1.len() + assets + facts;
    assert!(all < HEAVIEST, "{} weighs {} bytes with all that it loads", heaviest.0, all);
}

#[test]
fn names_stand_in_the_order_of_the_latvian_alphabet() {
    let mut names = [
        "Cēsu novads",
        "Čiekuri",
        "Ādažu novads",
        "Aizkraukles novads",
        "Dobeles novads",
        "Ķekavas novads",
        "Kuldīgas novads",
        "Limbažu novads",
    ];
    names.sort_by_key(|name| sorted(name));
    assert_eq!(
        names,
        [
            "Ādažu novads",
            "Aizkraukles novads",
            "Cēsu novads",
            "Čiekuri",
            "Dobeles novads",
            "Kuldīgas novads",
            "Ķekavas novads",
            "Limbažu novads"
        ]
    );
}

#[test]
fn an_app_is_named_after_its_system_as_far_as_a_name_reaches() {
    let names = ["Tīmekļa vietne", "E-pakalpojumu lietotāju atbalsts", "Drill: izmēģinājums", "???", "Ļoti, ļoti (garš) nosaukums šķūņiem"];
    assert_eq!(names.map(app_named), ["timekla-vietne", "e-pakalpojumu-lietotaju", "lietotne", "lietotne", "loti-loti-gars-nosaukums"]);
}
