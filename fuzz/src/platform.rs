//! The platform beside which requests are looked at: the examples', but small, since it is decided with for each input.

use anyhow::Result;
use kopnams::request::check::Definitions;
use kopnams::request::read::{self, Tree};
use kopnams::review::gather::{Checked, check, check_beside};
use std::sync::{Arc, LazyLock};

/// Where the request of an input lies, and what lies there in the examples.
pub const FILE: &str = "municipalities/kuldigas-novads/majaslapa.yaml";

const FILES: [&str; 3] = [
    include_str!("../../examples/platform/00-platform.yaml"),
    include_str!("../../examples/platform/10-dataclasses.yaml"),
    include_str!("../../examples/platform/municipalities/kuldigas-novads.yaml"),
];
/// The one system, which runs something; under the name that the examples use. Reading a catalogue is most of the work.
const WEBSITE: &str = include_str!("../../catalogue/timekla-vietne/system.yaml");
const IMAGE: &str = "registry.example.lv/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What all inputs are looked at with.
pub struct Platform {
    /// The definitions.
    pub definitions: Definitions,
    tree: Tree,
    checked: Vec<Checked>,
}

/// The platform, made once.
pub fn platform() -> Result<&'static Platform> {
    static PLATFORM: LazyLock<Result<Platform, String>> = LazyLock::new(Platform::make);
    PLATFORM.as_ref().map_err(|why| anyhow::anyhow!("{why}"))
}

impl Platform {
    fn make() -> Result<Self, String> {
        let definitions = Definitions::compile().map_err(|error| error.to_string())?;
        let website = WEBSITE.replace("recipe:nginx-site", IMAGE).replace("name: timekla-vietne", "name: website");
        let mut tree = Tree::default();
        for text in FILES.into_iter().chain([&*website]) {
            let (documents, findings) = read::parse("platform.yaml", 0, text.as_bytes());
            tree.documents.extend(documents.into_iter().map(Arc::new));
            tree.findings.extend(findings);
        }
        let checked = check(&tree, &definitions);
        Ok(Self { definitions, tree, checked })
    }

    /// The platform, and beside it a file with these contents.
    pub fn with(&self, input: &[u8]) -> Tree {
        let mut tree = self.tree.clone();
        let (documents, findings) = read::parse(FILE, 1, input);
        tree.documents.extend(documents.into_iter().map(Arc::new));
        tree.findings.extend(findings);
        tree
    }

    /// Checks what [`Self::with`] has read; the platform itself was checked once and for all.
    pub fn check(&self, tree: &Tree) -> Vec<Checked> {
        check_beside(tree, &self.tree, &self.checked, &self.definitions)
    }
}
