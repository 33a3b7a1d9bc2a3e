//! What is read of trees, and what of hostile ones is not.

use super::*;
use crate::request::read::Code;
use crate::request::read::layout::{self, Layout};
use std::fs;
use std::process::{Command, Stdio};

/// A repository in a folder of its own.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.git(&["init", "--quiet", "--initial-branch=main"], "");
        made
    }

    /// Runs git, with no settings but these, and gives what it prints.
    fn git(&self, args: &[&str], input: &str) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@example.lv", "-c", "commit.gpgsign=false"]).args(args);
        command.current_dir(self.0.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.0.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn commit(&self) -> String {
        self.git(&["add", "--all", "--force"], "");
        self.git(&["commit", "--quiet", "--message=x", "--allow-empty"], "");
        self.git(&["rev-parse", "HEAD"], "")
    }

    /// A commit of a tree that is written as it stands, whatever git says of it.
    fn commit_of(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut tree = Vec::new();
        for (mode, name, id) in entries {
            tree.extend_from_slice(format!("{mode} ").as_bytes());
            tree.extend_from_slice(name);
            tree.push(0);
            tree.extend_from_slice(&hex::decode(id).unwrap());
        }
        let file = self.0.path().join("tree");
        fs::write(&file, tree).unwrap();
        let tree = self.git(&["hash-object", "-t", "tree", "-w", "--literally", "tree"], "");
        self.git(&["commit-tree", &tree, "-m", "x"], "")
    }

    fn blob(&self, text: &str) -> String {
        self.git(&["hash-object", "-w", "--stdin"], text)
    }

    fn take(&self, name: &str) -> Result<Snapshot, GitError> {
        Snapshot::take(&open(self.0.path()).unwrap(), name)
    }
}

const REQUEST: &str = "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: majaslapa, namespace: kuldigas-novads}\n";
const PLACE: &str = "municipalities/kuldigas-novads/majaslapa.yaml";

#[test]
fn a_tree_is_read_as_its_folder_is() {
    let made = Repository::new();
    made.write(PLACE, REQUEST);
    made.write("README.md", "words");
    made.write(".github/workflows/check.yaml", "on: push");
    made.write("broken.yaml", "a: [");
    let commit = made.commit();
    // What is not committed is not there.
    made.write("municipalities/kuldigas-novads/later.yaml", REQUEST);
    for name in ["main", "HEAD", &commit, &commit[..10]] {
        let taken = made.take(name).unwrap();
        assert_eq!(taken.commit, commit);
        let tree = taken.read().unwrap();
        let files: Vec<&str> = tree.documents.iter().map(|document| &*document.file).collect();
        assert_eq!((files, tree.files, tree.findings.len()), (vec![PLACE], 2, 1), "{:?}", tree.findings);
        assert_eq!((&*tree.findings[0].file, tree.findings[0].code), ("broken.yaml", Code::YamlInvalid));
        assert_eq!(layout::check(&taken, &[PathBuf::new()], Layout::On, &tree).unwrap(), []);
    }
    // In a bare clone, and from within a folder of a checkout.
    let bare = tempfile::tempdir().unwrap();
    made.git(&["clone", "--quiet", "--bare", ".", &bare.path().display().to_string()], "");
    let taken = Snapshot::take(&open(bare.path()).unwrap(), "main").unwrap();
    assert_eq!(taken.file(Path::new(PLACE)).unwrap().unwrap(), REQUEST.as_bytes());
    assert!(Snapshot::take(&open(&made.0.path().join("municipalities")).unwrap(), "main").is_ok());
}

#[test]
fn a_shallow_clone_has_what_it_has_and_says_what_it_lacks() {
    let made = Repository::new();
    made.write(PLACE, REQUEST);
    let first = made.commit();
    made.write("more.yaml", REQUEST);
    made.commit();
    let shallow = tempfile::tempdir().unwrap();
    let url = format!("file://{}", made.0.path().display());
    made.git(&["clone", "--quiet", "--depth=1", &url, &shallow.path().display().to_string()], "");
    let repository = open(shallow.path()).unwrap();
    assert_eq!(Snapshot::take(&repository, "HEAD").unwrap().read().unwrap().documents.len(), 2);
    let said = Snapshot::take(&repository, &first).unwrap_err().to_string();
    assert!(said.contains(&format!("git fetch --depth=1 origin {first}")), "{said}");
    let nowhere = tempfile::tempdir().unwrap();
    let said = open(nowhere.path()).unwrap_err().to_string();
    assert!(said.ends_with("is not in a git repository; name it with --repo"), "{said}");
}

#[test]
fn nothing_is_followed_out_of_a_tree() {
    let made = Repository::new();
    made.write(PLACE, REQUEST);
    std::os::unix::fs::symlink("/etc/passwd", made.0.path().join("link.yaml")).unwrap();
    std::os::unix::fs::symlink("../liepaja", made.0.path().join("municipalities/ludzas-novads")).unwrap();
    let commit = made.commit();
    made.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},municipalities/liepaja")], "");
    made.git(&["commit", "--quiet", "--message=x"], "");
    let taken = made.take("main").unwrap();
    let tree = taken.read().unwrap();
    assert_eq!((&*tree.findings[0].file, tree.findings.len()), ("link.yaml", 1));
    assert!(tree.findings[0].message.starts_with("this is no ordinary file"));
    let found = layout::check(&taken, &[PathBuf::new()], Layout::On, &tree).unwrap();
    let places: Vec<&str> = found.iter().map(|finding| &*finding.file).collect();
    assert_eq!(places, ["municipalities/liepaja", "municipalities/ludzas-novads"], "{found:?}");
}

#[test]
fn a_tree_that_nobody_works_in_is_not_read() {
    let made = Repository::new();
    let blob = made.blob(REQUEST);
    let refused = |commit: &str, words: &str| {
        let said = made.take(commit).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    };
    assert!(made.take(&made.commit_of(&[("100644", b"fine.yaml", &blob)])).is_ok());
    for name in [&b".."[..], b".", b"municipalities/liepaja/x.yaml"] {
        refused(&made.commit_of(&[("100644", name, &blob)]), "holds something that is named");
    }
    refused(&made.commit_of(&[("100644", b"x.yaml", &blob), ("100644", b"x.yaml", &made.blob("other"))]), "x.yaml is in it twice");
    // Ten folders of the same ten, ten deep: some kilobytes that would be 10,000,000,000 files.
    let folder = |made: &Repository, inner: &str| {
        let listing: Vec<String> = (0..10).map(|number| format!("040000 tree {inner}\tf{number}\n")).collect();
        made.git(&["mktree"], &listing.concat())
    };
    let mut tree = made.git(&["mktree"], &format!("100644 blob {blob}\tx.yaml\n"));
    for _ in 0..10 {
        tree = folder(&made, &tree);
    }
    refused(&made.git(&["commit-tree", &tree, "-m", "x"], ""), "more than 200000 files and folders");
    let mut tree = made.git(&["mktree"], "");
    for _ in 0..40 {
        tree = made.git(&["mktree"], &format!("040000 tree {tree}\tf\n"));
    }
    refused(&made.git(&["commit-tree", &tree, "-m", "x"], ""), "more than 16 folders in one another");
    refused("0000000000000000000000000000000000000000", "is no commit of");
    refused(&blob, "is no commit of");
}

#[test]
fn what_unfolds_to_more_than_it_may_is_not_unfolded() {
    let made = Repository::new();
    made.write(PLACE, REQUEST);
    // Zeros: 100 MiB are 100 KiB in the repository.
    fs::write(made.0.path().join("huge.yaml"), vec![b'0'; 100 << 20]).unwrap();
    made.commit();
    made.git(&["repack", "-adq"], "");
    let tree = made.take("main").unwrap().read().unwrap();
    assert_eq!((&*tree.findings[0].file, tree.documents.len()), ("huge.yaml", 1));
    assert_eq!(tree.findings[0].message, "the file is larger than 4 MiB; divide it");
    // A small file that is packed as a difference to one of 100 MiB.
    let mut near = vec![b'0'; 100 << 20];
    near.truncate(3 << 20);
    fs::write(made.0.path().join("huge.yaml"), &near).unwrap();
    made.commit();
    made.git(&["repack", "-adfq", "--depth=10"], "");
    match made.take("main").unwrap().read() {
        Ok(tree) => assert_eq!(tree.documents.len(), 2),
        Err(error) => assert!(error.to_string().contains("larger than 64 MiB"), "{error}"),
    }
}

#[test]
fn what_is_the_same_on_both_sides_is_read_once_and_said_on_both() {
    let made = Repository::new();
    for (name, text) in [(PLACE, REQUEST), ("stays.yaml", REQUEST), ("broken.yaml", "a: [\n"), ("empty.yaml", "")] {
        made.write(name, text);
    }
    let base = made.take(&made.commit()).unwrap();
    made.write(PLACE, &format!("# Otherwise.\n{REQUEST}"));
    made.write("new.yaml", REQUEST);
    let head = made.take(&made.commit()).unwrap();
    let before = base.read().unwrap();
    let (alone, beside) = (head.read().unwrap(), head.read_beside(Some((&base, &before))).unwrap());
    let told = |tree: &Tree| format!("{} {:?} {:?}", tree.files, tree.documents, tree.findings);
    assert_eq!(told(&alone), told(&beside));
    let shared = |document: &Arc<Document>| before.documents.iter().any(|before| Arc::ptr_eq(before, document));
    let shared: Vec<&str> = beside.documents.iter().filter(|document| shared(document)).map(|document| &*document.file).collect();
    assert_eq!((shared, beside.findings.len()), (vec!["stays.yaml"], 1));
}
