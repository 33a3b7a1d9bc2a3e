//! What is read from a text, and where it stands.

use super::*;
use crate::request::read::place::End;
use serde_json::json;

fn one(text: &str) -> Parsed {
    let (mut documents, broken) = parse(text);
    assert_eq!(broken, None, "{text}");
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

fn why(text: &str) -> Broken {
    parse(text).1.unwrap_or_else(|| panic!("was read: {text}"))
}

#[test]
fn values_have_places() {
    let read = one("a: 1\nb:\n  c: [x, y]\n  d: {e: text}\n");
    assert_eq!(read.value, json!({"a": 1, "b": {"c": ["x", true], "d": {"e": "text"}}}));
    let at = |pointer, end| {
        let spot = read.place.find(pointer, end);
        (spot.line, spot.column)
    };
    assert_eq!(at("/a", End::Value), (1, 4));
    assert_eq!(at("/a", End::Key), (1, 1));
    assert_eq!(at("/b/c", End::Value), (3, 3), "a list is named by its key");
    assert_eq!(at("/b/c/1", End::Value), (3, 10));
    assert_eq!(at("/b/d/e", End::Value), (4, 10));
    assert_eq!(at("/b/d/missing/deeper", End::Value), (4, 3), "the nearest thing that exists");
    assert_eq!(read.place.written("/a"), Some("1"));
    assert_eq!(read.remarks[0].path, "/b/c/1");
}

#[test]
fn keys_are_read_as_kubectl_reads_them() {
    let read = one("y: 1\n\"y\": 2\n012: 3\n");
    assert_eq!(read.value, json!({"true": 1, "y": 2, "10": 3}));
    assert_eq!(read.remarks.len(), 2);
    assert!(read.remarks[0].message.en.contains("read as true"), "{:?}", read.remarks);
}

#[test]
fn a_field_that_stands_twice_is_said_with_both_places() {
    let read = one("a: 1\nb: 2\na: 3\n");
    assert_eq!(read.value, json!({"a": 3, "b": 2}));
    assert_eq!((read.remarks[0].spot.line, read.remarks[0].path.as_str()), (3, "/a"));
    assert!(read.remarks[0].message.en.contains("first in line 1"));
}

#[test]
fn quotes_and_the_tag_str_make_text() {
    assert_eq!(one("[\"no\", 'no', !!str no, |-\n  no\n  ]").remarks, []);
    assert_eq!(one("a: !!str 0123\nb: \"0123\"\n").value, json!({"a": "0123", "b": "0123"}));
}

#[test]
fn aliases_repeat_a_value_but_never_without_bound() {
    assert_eq!(one("a: &x {b: 1}\nc: *x\n").value, json!({"a": {"b": 1}, "c": {"b": 1}}));
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        let line = format!("a{n}: &a{n} [{}]\n", [before.as_str(); 10].join(", "));
        bomb += &line;
    }
    assert!(why(&bomb).message.en.contains("too large"));
    assert!(why("a: &x [*x]\n").message.en.contains("inside what it repeats"));
}

#[test]
fn copies_of_long_texts_and_anchors_in_each_other_are_bounded() {
    let long = "x".repeat(1 << 20);
    assert!(why(&format!("a: &a {long}\nb: [{}]\n", "*a,".repeat(1_000))).message.en.contains("too large"));
    assert!(why(&format!("a: &a {{{}: 1}}\nb: [{}]\n", "x".repeat(1_000), "*a,".repeat(50_000))).message.en.contains("too large"));
    let nested = (0..60).fold(String::new(), |text, n| text + &format!("&a{n} [")) + &"1,".repeat(10_000) + &"]".repeat(60);
    assert!(why(&nested).message.en.contains("too large"));
}

#[test]
fn names_and_remarks_are_bounded() {
    assert!(why(&format!("? {}\n: 1\n", "x".repeat(1_025))).message.en.contains("longer than 1024 bytes"));
    let deep = (0..60).fold(String::new(), |text, n| text + &format!("{{{}{n}: ", "x".repeat(1_000))) + "[" + &"no,".repeat(100_000) + "]";
    let read = one(&(deep + &"}".repeat(60)));
    assert_eq!(read.remarks.len(), 1_000);
}

#[test]
fn many_fields_are_read_as_fast_as_few() {
    let begun = std::time::Instant::now();
    let fields = (0..200_000).fold(String::new(), |text, n| text + &format!("a{n}: 1\n"));
    let twice = format!("{fields}{}", "a199999: 1\n".repeat(50_000));
    assert_eq!(one(&twice).remarks.len(), 1_000);
    // One after another these are 20,000,000,000 comparisons.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn depth_is_bounded() {
    assert!(why(&format!("{}{}", "[".repeat(80), "]".repeat(80))).message.en.contains("64 deep"));
    let block = (0..100).fold(String::new(), |text, n| text + &" ".repeat(n) + "a:\n");
    assert!(why(&block).message.en.contains("64 deep"));
}

#[test]
fn what_is_not_yaml_is_said_with_its_place() {
    let (read, broken) = parse("a: 1\n---\nb: 2\n---\nc: [1\nd: 2\n");
    assert_eq!(read.len(), 2, "documents before the broken one are read");
    let broken = broken.unwrap();
    assert!(broken.spot.line >= 5, "{broken:?}");
    for text in ["? [a]\n: b\n", "<<: {a: 1}\n", "~: 1\n", "a: *nobody\n", "a:\n\tb: 1\n"] {
        why(text);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
    #[test]
    fn no_text_makes_the_reader_panic(text in "[-a-c0-9:,?!&*#|>%@`'\"{}\\[\\]\\\\ \t\r\n~<.ā\u{feff}]{0,120}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_unicode_makes_the_reader_panic(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn json_is_read_as_json(text in "[a-z]{1,8}", number in -1000i64..1000, deep in proptest::collection::vec("[^\\pC]{0,12}", 0..5)) {
        let value = json!({"a": {text: number}, "list": deep, "none": null, "yes": true});
        let read = one(&value.to_string());
        proptest::prop_assert_eq!(read.value, value);
        proptest::prop_assert!(read.remarks.is_empty());
    }
}
