//! Files become documents.

use super::*;

fn documents_of(text: &str) -> Vec<Document> {
    let (documents, findings) = parse("a.yaml", 0, text.as_bytes());
    assert_eq!(findings, []);
    documents
}

#[test]
fn a_list_is_its_items_with_their_places() {
    let list = "apiVersion: v1\nkind: List\nitems:\n  - kind: A\n    metadata: {name: a}\n  - kind: B\n    metadata: {name: b, on: 1}\n";
    let documents = documents_of(list);
    assert_eq!(documents.iter().map(Document::object).collect::<Vec<_>>(), ["A/a", "B/b"]);
    assert_eq!(documents[1].finding(Reason::FieldInvalid, "/metadata/name", "").line, 7);
    assert_eq!((documents[1].findings[0].line, documents[1].findings[0].path.as_str()), (7, "/metadata/true"));
}

#[test]
fn empty_documents_are_nothing() {
    assert_eq!(documents_of("---\n---\n# only a comment\n---\nkind: A\n").len(), 1);
}

#[test]
fn files_that_are_no_text_or_too_large_are_refused() {
    let (documents, findings) = parse("a.yaml", 0, b"a: 1\nb: \xff\n");
    assert!(documents.is_empty());
    assert_eq!((findings[0].line, findings[0].code), (2, Code::YamlInvalid));
    let (_, findings) = parse("a.yaml", 0, &vec![b'#'; FILE_MAX + 1]);
    assert!(findings[0].message.contains("4 MiB"));
}

#[test]
fn folders_are_read_in_order_and_each_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| std::fs::write(folder.path().join(name), format!("kind: {name}\n")).unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    for name in ["b.yaml", "a.yml", "sub/c.json", "d.txt", ".hidden.yaml"] {
        write(name);
    }
    let tree = read(&[folder.path().to_path_buf(), folder.path().join("b.yaml")]).unwrap();
    assert_eq!(tree.documents.iter().map(|document| document.kind()).collect::<Vec<_>>(), ["a.yml", "b.yaml", "sub/c.json"]);
    let missing = read(&[folder.path().join("nowhere")]).unwrap_err();
    assert!(missing.to_string().contains("nowhere"));
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    assert!(matches!(read(&[folder.path().join("empty")]), Err(ReadError::Empty(_))));
}

#[test]
fn the_rules_at_the_top_of_a_repository_ask_for_nothing_and_must_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let read_with = |path: &str, text: &str| {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let tree = read(&[folder.path().to_path_buf()]).unwrap();
        std::fs::remove_file(file).unwrap();
        (tree.documents.len(), tree.findings.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(read_with("access.yaml", "platform: ['@a']\n"), (0, String::new()));
    let (documents, found) = read_with("access.yaml", "platform: []\n");
    assert!(documents == 0 && found.starts_with("access.yaml names no platform admin"), "{found}");
    // Elsewhere, and of a kind, it is what it is.
    assert_eq!(read_with("municipalities/liepaja/access.yaml", "platform: ['@a']\n").0, 1);
    assert_eq!(read_with("access.yaml", "kind: MunicipalityApp\n").0, 1);
}
