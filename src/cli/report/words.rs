//! The words of `kopnams report-back`: Latvian first, English below.

use super::answer::Answer;
use crate::cli::language::either;
use crate::cli::validate::markdown::{code, escaped_message};
use crate::policy::AppKey;
use crate::request::explain::{Language, explain};
use crate::request::read::Code;
use jiff::{SignedDuration, Unit};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How it is marked that nothing more is to be told.
pub const END: &str = "<!-- kopnams:end -->";

/// The comment.
pub fn markdown(found: &BTreeMap<AppKey, Answer>) -> String {
    let all = |is: fn(&Answer) -> bool| found.values().all(is);
    let (mark, lv, en) = match (all(Answer::is_final), all(Answer::is_good)) {
        (true, true) => ("✅", "gatavs", "done"),
        (true, false) => ("⛔", "nav izdevies", "not done"),
        (false, _) => ("⏳", "notiek", "under way"),
    };
    let mut out = format!("## {mark} kopnams: {lv} · {en}\n\n");
    let lines = |out: &mut String, language| {
        for (key, answer) in found {
            let _ = writeln!(out, "{}", line(key, answer, language));
        }
    };
    lines(&mut out, Language::Lv);
    let _ = writeln!(out, "\n<details><summary>In English: {en}</summary>\n");
    lines(&mut out, Language::En);
    out.push_str("\n</details>\n");
    if all(Answer::is_final) {
        let _ = writeln!(out, "\n{END}");
    }
    out
}

fn line(key: &AppKey, answer: &Answer, language: Language) -> String {
    let app = code(&key.to_string());
    // The operator speaks English; what a code means is known in Latvian, too.
    let meaning = |reason: &str| Code::parse(reason).filter(|_| language == Language::Lv).map(|code| explain(code, language).meaning);
    let said = |reason: &str, message: &str| {
        let words: Vec<&str> = meaning(reason).into_iter().chain([message]).filter(|words| !words.is_empty()).collect();
        if words.is_empty() { code(reason) } else { format!("{}: {}", code(reason), escaped_message(&words.join(" "))) }
    };
    match answer {
        Answer::Ready { url, took } => {
            let mut text = format!("- ✅ {app} {}", either(language, "ir gatava", "is ready"));
            if let Some(url) = url {
                let _ = write!(text, ": {}", link(url));
            }
            if let Some(took) = took {
                let _ = write!(text, " ({} {})", time(*took), either(language, "pēc apvienošanas", "after the merge"));
            }
            text
        }
        Answer::Refused { reason, message } => {
            format!(
                "- ⛔ {app} {}. {}",
                either(language, "ir noraidīta un paliek kā līdz šim", "is refused and stays as it was"),
                said(reason, message)
            )
        }
        Answer::Removed { until: None } => format!("- 🗑️ {app} {}", either(language, "ir noņemta", "is removed")),
        Answer::Removed { until: Some(until) } => {
            let text = either(language, "ir noņemta; dati tiek glabāti vismaz līdz", "is removed; its data is kept at least until");
            format!("- 🗑️ {app} {text} {}", code(until))
        }
        Answer::Superseded => {
            format!(
                "- {app} {}",
                either(language, "kopš tam mainīta ar citu izmaiņu pieprasījumu", "was changed again by another pull request")
            )
        }
        Answer::NotApplied => {
            format!("- ⏳ {app} {}", either(language, "vēl nav nonākusi datu centrā", "has not reached the data centre yet"))
        }
        Answer::Going { reason, message } => {
            format!("- ⏳ {app} {}. {}", either(language, "tiek veidota", "is being made"), said(reason, message))
        }
    }
}

/// An address that people can follow; what is none is shown as text.
fn link(url: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:".contains(c);
    let fits = (url.starts_with("https://") || url.starts_with("http://")) && url.chars().all(plain);
    if fits { format!("<{url}>") } else { code(url) }
}

/// A time as people say it.
fn time(took: SignedDuration) -> String {
    let seconds = took.round(Unit::Second).unwrap_or(took).as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_where_it_is_or_why_not_in_both_languages() {
        let key = |app: &str| AppKey::new("kuldigas-novads", app);
        let ready = Answer::Ready { url: Some("https://www.kuldiga.example.lv/".into()), took: Some(SignedDuration::from_secs(84)) };
        let refused = Answer::Refused { reason: "HostnameTaken".into(), message: "`www` is taken by @somebody; write another".into() };
        let mut found = BTreeMap::from([(key("majaslapa"), ready)]);
        let text = markdown(&found);
        assert!(text.starts_with("## ✅ kopnams: gatavs · done\n"), "{text}");
        assert!(
            text.contains("- ✅ `kuldigas-novads/majaslapa` ir gatava: <https://www.kuldiga.example.lv/> (1 min 24 s pēc apvienošanas)\n"),
            "{text}"
        );
        assert!(
            text.contains("is ready: <https://www.kuldiga.example.lv/> (1 min 24 s after the merge)")
                && text.ends_with(&format!("{END}\n")),
            "{text}"
        );
        found.insert(key("karte"), refused);
        let text = markdown(&found);
        assert!(text.starts_with("## ⛔ kopnams: nav izdevies · not done\n"), "{text}");
        assert!(text.contains("`HostnameTaken`: `www` is taken by @&#8203;somebody; write another"), "nobody is called: {text}");
        found.insert(key("vietne"), Answer::NotApplied);
        let text = markdown(&found);
        assert!(text.starts_with("## ⏳ kopnams: notiek · under way\n") && !text.contains(END), "{text}");
        for url in ["javascript:alert(1)", "https://a.lv/>)[x](y", "https://a b"] {
            assert!(!link(url).starts_with('<'), "{url}");
        }
    }
}
