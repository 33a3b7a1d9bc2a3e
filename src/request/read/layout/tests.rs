//! What lies in its place is fine, and whatever does not is found where it is.

use super::*;
use crate::request::read::folders::Disk;
use crate::request::read::read;
use std::fs;
use std::os::unix::fs::symlink;

const PLACE: &str = "municipalities/kuldigas-novads/majaslapa.yaml";

fn request(name: &str, namespace: &str) -> String {
    format!(
        "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  system: website\n"
    )
}

/// A repository in which one request lies in its place.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), PLACE, &request("majaslapa", "kuldigas-novads"));
    folder
}

fn write(folder: &Path, file: &str, text: &str) {
    let file = folder.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn checked(paths: &[PathBuf], layout: Layout) -> Result<Vec<Finding>, ReadError> {
    check(&Disk, paths, layout, &read(paths).unwrap())
}

/// What is found below a folder: `file:line:column message`, each with its code.
fn found(folder: &Path) -> Vec<String> {
    let told = |finding: Finding| {
        assert_eq!(finding.code, Code::LayoutInvalid);
        let file = Path::new(&*finding.file).strip_prefix(folder).unwrap().display().to_string();
        format!("{file}:{}:{} {}", finding.line, finding.column, finding.message)
    };
    checked(&[folder.to_path_buf()], Layout::Auto).unwrap().into_iter().map(told).collect()
}

/// Asserts that one thing is found, at this place and with these words.
#[track_caller]
fn refused(folder: &Path, place: &str, words: &str) {
    let found = found(folder);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(&format!("{place} ")) && found[0].contains(words), "{place} {words}: {found:?}");
}

/// Asserts that nothing is found.
#[track_caller]
fn fine(folder: &Path) {
    assert_eq!(found(folder), Vec::<String>::new());
}

#[test]
fn a_request_in_its_place_is_fine() {
    let folder = repository();
    fine(folder.path());
    write(folder.path(), "municipalities/riga/karte.yaml", &request("karte", "riga"));
    write(folder.path(), "README.md", "beside the folder anything may lie");
    write(folder.path(), "access.yaml", "a: 1");
    fine(folder.path());
}

#[test]
fn a_request_of_another_municipality_is_found_at_its_namespace() {
    let folder = repository();
    write(folder.path(), PLACE, &request("majaslapa", "riga"));
    refused(folder.path(), &format!("{PLACE}:5:14"), "write namespace: kuldigas-novads, or ask in municipalities/riga");
    write(folder.path(), PLACE, &request("majaslapa", "kuldigas-novads"));
    fine(folder.path());
}

#[test]
fn a_request_of_another_name_is_found_at_its_name() {
    let folder = repository();
    write(folder.path(), PLACE, &request("vietne", "kuldigas-novads"));
    refused(folder.path(), &format!("{PLACE}:4:9"), "rename the file to vietne.yaml, or write name: majaslapa");
    fs::rename(folder.path().join(PLACE), folder.path().join("municipalities/kuldigas-novads/vietne.yaml")).unwrap();
    fine(folder.path());
}

#[test]
fn other_kinds_are_found_at_their_kind() {
    let folder = repository();
    for kind in ["ClusterRoleBinding", "ConfigMap"] {
        write(folder.path(), PLACE, &format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: majaslapa, namespace: kuldigas-novads}}\n"));
        refused(folder.path(), &format!("{PLACE}:2:7"), kind);
    }
    // A group that only begins so is another one.
    write(folder.path(), PLACE, &request("majaslapa", "kuldigas-novads").replace("kopnams.lv/", "kopnams.lv.example.lv/"));
    refused(folder.path(), &format!("{PLACE}:2:7"), "MunicipalityApp");
    write(folder.path(), PLACE, &request("majaslapa", "kuldigas-novads"));
    fine(folder.path());
}

#[test]
fn a_second_document_is_found_where_it_begins() {
    let folder = repository();
    let one = request("majaslapa", "kuldigas-novads");
    write(folder.path(), PLACE, &format!("{one}---\n{one}"));
    refused(folder.path(), &format!("{PLACE}:9:1"), "a second document begins in line 9");
    // Nothing between two marks is no document.
    write(folder.path(), PLACE, &format!("---\n{one}---\n"));
    fine(folder.path());
}

#[test]
fn a_list_is_no_request() {
    let folder = repository();
    let item =
        "{apiVersion: kopnams.lv/v1alpha1, kind: MunicipalityApp, metadata: {name: majaslapa, namespace: kuldigas-novads}, spec: {}}";
    write(folder.path(), PLACE, &format!("apiVersion: v1\nkind: List\nitems:\n  - {item}\n"));
    refused(folder.path(), &format!("{PLACE}:4:5"), "the request stands in a list");
    write(folder.path(), PLACE, &format!("{item}\n"));
    fine(folder.path());
}

#[test]
fn links_are_found_wherever_they_lead() {
    let folder = repository();
    let link = folder.path().join("municipalities/kuldigas-novads/karte.yaml");
    write(folder.path(), "elsewhere/karte.yaml", &request("karte", "kuldigas-novads"));
    symlink(folder.path().join("elsewhere/karte.yaml"), &link).unwrap();
    refused(folder.path(), "municipalities/kuldigas-novads/karte.yaml:1:1", "symbolic link");
    fs::remove_file(&link).unwrap();
    symlink("/nowhere", &link).unwrap();
    assert!(read(&[folder.path().to_path_buf()]).is_err(), "a link to nowhere cannot be read");
    fs::remove_file(&link).unwrap();
    fine(folder.path());

    let town = folder.path().join("municipalities/riga");
    symlink(folder.path().join("municipalities/kuldigas-novads"), &town).unwrap();
    refused(folder.path(), "municipalities/riga:1:1", "symbolic link");
    fs::remove_file(town).unwrap();
    fine(folder.path());
}

#[test]
fn what_a_link_leads_to_is_judged_by_its_own_place() {
    let folder = repository();
    // The link is read first, and then the file itself is known already.
    symlink(folder.path().join(PLACE), folder.path().join("municipalities/kuldigas-novads/a.yaml")).unwrap();
    refused(folder.path(), "municipalities/kuldigas-novads/a.yaml:1:1", "symbolic link");
}

#[test]
fn the_folder_itself_is_no_link() {
    let (folder, other) = (repository(), tempfile::tempdir().unwrap());
    symlink(folder.path().join(FOLDER), other.path().join(FOLDER)).unwrap();
    refused(other.path(), "municipalities:1:1", "municipalities is a symbolic link");
}

#[test]
fn other_extensions_and_upper_case_are_found() {
    let cases = [
        ("karte.yml", "name it karte.yaml"),
        ("karte.json", "name it karte.yaml"),
        ("karte.YAML", "name it karte.yaml"),
        ("Karte.yaml", "name it karte.yaml"),
        ("Kārte.yaml", "name it as metadata.name says"),
        ("karte--2.yaml", "name it as metadata.name says"),
        // A Cyrillic letter that looks like a Latin one.
        ("k\u{430}rte.yaml", "name it as metadata.name says"),
        (".karte.yaml", "name it as metadata.name says"),
        ("README.md", "is not a request"),
        (".gitkeep", "is not a request"),
        ("karte", "is not a request"),
        ("karte.yaml.sh", "is not a request"),
        ("karte\u{1b}[31m.md", "`karte\\u{1b}[31m.md`"),
    ];
    let folder = repository();
    for (name, words) in cases {
        let file = format!("municipalities/kuldigas-novads/{name}");
        write(folder.path(), &file, &request("karte", "kuldigas-novads"));
        refused(folder.path(), &format!("{file}:1:1"), words);
        fs::remove_file(folder.path().join(&file)).unwrap();
    }
    write(folder.path(), "municipalities/kuldigas-novads/karte.yaml", &request("karte", "kuldigas-novads"));
    fine(folder.path());
}

#[test]
fn empty_files_and_folders_in_folders_are_found() {
    let folder = repository();
    let file = "municipalities/kuldigas-novads/karte.yaml";
    write(folder.path(), file, "# nothing yet\n");
    refused(folder.path(), &format!("{file}:1:1"), "the file is empty");
    // What is not YAML is said once, by the reading.
    write(folder.path(), file, "a: \"");
    fine(folder.path());
    fs::remove_file(folder.path().join(file)).unwrap();
    write(folder.path(), "municipalities/kuldigas-novads/apps/karte.yaml", &request("karte", "kuldigas-novads"));
    refused(folder.path(), "municipalities/kuldigas-novads/apps:1:1", "no folder lies in municipalities/kuldigas-novads");
}

#[test]
fn folders_that_are_no_slug_are_found() {
    let folder = repository();
    for name in ["Kuldigas-novads", "kuldīgas-novads", "kuld\u{456}gas-novads", "kuldigas--novads", ".git"] {
        let file = format!("municipalities/{name}/karte.yaml");
        write(folder.path(), &file, &request("karte", "kuldigas-novads"));
        refused(folder.path(), &format!("municipalities/{name}:1:1"), "is not a municipality's slug");
        fs::remove_dir_all(folder.path().join("municipalities").join(name)).unwrap();
        fine(folder.path());
    }
    write(folder.path(), "Municipalities/riga/karte.yaml", &request("karte", "riga"));
    refused(folder.path(), "Municipalities:1:1", "write municipalities in lower case");
}

#[test]
fn nothing_lies_beside_the_folders_of_municipalities() {
    let folder = repository();
    for name in ["karte.yaml", "README.md", ".gitkeep"] {
        write(folder.path(), &format!("municipalities/{name}"), &request("karte", "kuldigas-novads"));
        refused(folder.path(), &format!("municipalities/{name}:1:1"), "only a folder for each municipality");
        fs::remove_file(folder.path().join("municipalities").join(name)).unwrap();
    }
    // What keeps the folder when the last request goes, and says nothing.
    write(folder.path(), "municipalities/.gitkeep", "");
    fine(folder.path());
}

#[test]
fn a_path_may_lead_into_the_folder() {
    let folder = repository();
    let of = |path: &str| checked(&[folder.path().join(path)], Layout::On).unwrap().len();
    for path in ["", FOLDER, "municipalities/kuldigas-novads", PLACE, "municipalities/..", "municipalities/kuldigas-novads/.."] {
        assert_eq!(of(path), 0, "{path}");
    }
    write(folder.path(), PLACE, &request("majaslapa", "riga"));
    for path in ["", FOLDER, "municipalities/kuldigas-novads", PLACE, "municipalities/..", "municipalities/kuldigas-novads/.."] {
        assert_eq!(of(path), 1, "{path}");
    }
}

#[test]
fn a_clone_may_lie_in_a_folder_of_that_name() {
    let outer = tempfile::tempdir().unwrap();
    for clone in ["municipalities/Our Requests", "municipalities/a/requests", "municipalities/a/b/requests"] {
        let clone = outer.path().join(clone);
        write(&clone, "README.md", "text");
        write(&clone, PLACE, &request("majaslapa", "kuldigas-novads"));
        fine(&clone);
        write(&clone, PLACE, &request("majaslapa", "riga"));
        refused(&clone, &format!("{PLACE}:5:14"), "write namespace: kuldigas-novads");
    }
}

#[test]
fn the_platforms_own_list_has_no_layout() {
    let examples = |layout| checked(&["examples/platform".into(), "examples/requests".into()], layout).unwrap();
    assert_eq!((examples(Layout::Auto), examples(Layout::On)), (Vec::new(), Vec::new()));
    let list = [PathBuf::from("examples/platform/municipalities"), "examples/platform/municipalities/riga.yaml".into()];
    assert_eq!(checked(&list, Layout::Auto).unwrap(), []);
    assert!(matches!(checked(&list, Layout::On), Err(ReadError::NoLayout)));
    // A request among them makes it a requests repository.
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "municipalities/riga.yaml", &request("karte", "riga"));
    refused(folder.path(), "municipalities/riga.yaml:1:1", "only a folder for each municipality");
}

#[test]
fn the_layout_can_be_left_out() {
    let folder = repository();
    write(folder.path(), PLACE, &request("vietne", "riga"));
    assert_eq!(checked(&[folder.path().to_path_buf()], Layout::Off).unwrap(), []);
    assert_eq!(checked(&[folder.path().to_path_buf()], Layout::Auto).unwrap().len(), 2);
}
