//! Every code is explained in both languages, and its example shows what it says.

use super::*;
use crate::policy::Reason;
use crate::request::check::Definitions;
use crate::request::read::{self, folders, layout};
use crate::review::review;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::compile().unwrap());

/// The codes of what is found in a text, in the place of a file of `examples/rejected` where it is from one.
fn found(example: &Example, text: &str) -> Vec<Code> {
    let folder = tempfile::tempdir().unwrap();
    let (file, live) = match example.source {
        Source::File(name) => {
            let whole = std::fs::read_to_string(Path::new("examples/rejected").join(name)).unwrap();
            assert_eq!(whole.matches(example.wrong).count(), 1, "{name} holds the lines once: {}", example.wrong);
            let file = folder.path().join("example.yaml");
            std::fs::write(&file, whole.replace(example.wrong, text)).unwrap();
            let live = Path::new("examples/rejected").join(name).with_file_name("live.yaml");
            (file, Some(live).filter(|live| live.exists()))
        }
        Source::Whole => {
            let place = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or("example.yaml");
            let file = folder.path().join(place);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
            (file, None)
        }
    };
    let named = if file.starts_with(folder.path().join("municipalities")) { folder.path().to_path_buf() } else { file };
    let paths = [PathBuf::from("examples/platform"), named];
    let mut tree = read::read(&paths).unwrap();
    let wrongly_laid = layout::check(&folders::Disk, &paths, layout::Layout::Auto, &tree).unwrap();
    tree.findings.extend(wrongly_laid);
    let live = live.map(|file| read::read_live(&file).unwrap());
    review(&tree, live.as_ref(), &DEFINITIONS, Timestamp::UNIX_EPOCH).findings.into_iter().map(|finding| finding.code).collect()
}

#[test]
fn every_wrong_example_is_refused_with_its_code_and_every_right_one_is_not_refused() {
    for code in Code::all() {
        let Some(example) = example(code) else { continue };
        assert!(found(&example, example.wrong).contains(&code), "{code}: the wrong example is not refused");
        assert_eq!(found(&example, example.right), [], "{code}: the right example");
    }
}

#[test]
fn only_what_no_file_mends_has_no_example() {
    let without: Vec<Code> = Code::all().filter(|code| example(*code).is_none()).collect();
    let expected = [
        Code::Refused(Reason::ObjectUnreadable),
        Code::Refused(Reason::MunicipalityTerminating),
        Code::Refused(Reason::DeedKeyLost),
        Code::Refused(Reason::RemovalHeld),
        Code::Refused(Reason::AppsRemain),
        Code::Ignored,
    ];
    assert_eq!(without, expected);
}

#[test]
fn every_code_has_its_own_words_in_both_languages() {
    let mut seen = std::collections::BTreeSet::new();
    for code in Code::all() {
        let (lv, en) = (explain(code, Language::Lv), explain(code, Language::En));
        for text in [lv.meaning, lv.why, lv.mend, en.meaning, en.why, en.mend] {
            assert!(text.len() > 15 && text.ends_with('.') && !text.contains('\n') && !text.contains("  "), "{code}: {text}");
        }
        for (text, other) in [(lv.meaning, en.meaning), (lv.why, en.why), (lv.mend, en.mend)] {
            assert_ne!(text, other, "{code} is not translated");
        }
        let latvian = [lv.meaning, lv.why, lv.mend].concat();
        assert!(latvian.contains(['ā', 'č', 'ē', 'ģ', 'ī', 'ķ', 'ļ', 'ņ', 'š', 'ū', 'ž']), "{code}: {latvian}");
        assert!(seen.insert(lv.meaning) && seen.insert(en.meaning), "{code} means the same as another");
    }
}

#[test]
fn codes_are_found_by_name_and_by_what_is_near() {
    for code in Code::all() {
        assert_eq!(Code::parse(code.as_str()), Some(code));
        assert_eq!(Code::parse(&code.as_str().to_lowercase()), Some(code));
    }
    assert_eq!(Code::parse("HostnameTakn"), None);
    assert_eq!(nearest("Allotment-Exc").map(Code::as_str), Some("AllotmentExceeded"));
    assert_eq!(nearest("Hostname").map(Code::as_str), Some("HostnameTaken"));
    assert!(nearest("Alotment").is_some_and(|code| code.as_str().starts_with("Allotment")));
    assert_eq!(nearest("HostnameTakn").map(Code::as_str), Some("HostnameTaken"));
    assert_eq!(nearest("yamlinvalid!").map(Code::as_str), Some("YamlInvalid"));
}

#[test]
fn lines_are_shown_without_their_common_indentation() {
    assert_eq!(dedented("    a:\n      b: 1\n\n    c: 2\n"), "a:\n  b: 1\n\nc: 2\n");
}

#[test]
fn the_language_of_a_locale() {
    let cases =
        [("lv_LV.UTF-8", Language::Lv), ("lv", Language::Lv), ("LV", Language::Lv), ("en_GB.UTF-8", Language::En), ("C", Language::En)];
    for (locale, language) in cases {
        assert_eq!(Language::of_locale(locale), language, "{locale}");
    }
    assert_eq!(Language::of_locale("ā"), Language::En);
}
