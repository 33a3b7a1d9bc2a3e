//! An OCI layout: the layer, the configuration, the manifest and an index that gives the image its name.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci_spec::OciSpecError;
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, HistoryBuilder, ImageConfigurationBuilder, ImageIndex, ImageIndexBuilder,
    ImageManifestBuilder, MediaType, Os, PlatformBuilder, RootFsBuilder, Sha256Digest,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Config, Doing, Error, Result, layer};

/// The annotation by which containerd names what it imports.
const NAME: &str = "io.containerd.image.name";
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image in a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its name as given, such as `localhost/web:1`.
    pub name: String,
    /// The digest of its manifest: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// Its name without the tag, `@` and the digest: what a pod names.
    pub reference: String,
    /// The folder of the layout.
    pub layout: PathBuf,
}

/// Makes an image of the folder `root` and writes it as an OCI layout into the folder `layout`, which is replaced if it is a
/// layout already. It is there whole or not at all.
pub fn write_layout(root: &Path, config: &Config, name: &str, layout: &Path) -> Result<Built> {
    check_name(name)?;
    let layout = std::path::absolute(layout).doing("find", layout)?;
    let parent = layout.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).doing("make", parent)?;
    if layout.exists() && !layout.join("oci-layout").is_file() && !is_empty(&layout) {
        return Err(Error::Taken(layout));
    }
    // Beside its place, because only there it can be moved in one step.
    let making = tempfile::Builder::new().prefix(".layout-").tempdir_in(parent).doing("make a folder in", parent)?;
    let manifest = Layout { folder: making.path() }.write(root, config, name)?;
    if layout.exists() {
        fs::remove_dir_all(&layout).doing("remove", &layout)?;
    }
    let made = making.keep();
    fs::rename(&made, &layout).doing("move the layout to", &layout)?;
    Ok(built(name, manifest.digest().as_ref(), layout))
}

/// What a layout of one image holds.
pub fn read_layout(layout: &Path) -> Result<Built> {
    let wrong = |why: String| Error::Layout { layout: layout.to_owned(), why };
    let index = ImageIndex::from_file(layout.join("index.json")).map_err(|error| wrong(error.to_string()))?;
    let [manifest] = index.manifests().as_slice() else {
        return Err(wrong(format!("it has {} manifests", index.manifests().len())));
    };
    let name = manifest.annotations().as_ref().and_then(|all| all.get(NAME));
    let name = name.ok_or_else(|| wrong(format!("its manifest has no annotation {NAME}")))?;
    Ok(built(name, manifest.digest().as_ref(), layout.to_owned()))
}

fn built(name: &str, digest: &str, layout: PathBuf) -> Built {
    let reference = format!("{}@{digest}", without_tag(name));
    Built { name: name.to_owned(), digest: digest.to_owned(), reference, layout }
}

/// A layout that is being written.
struct Layout<'a> {
    folder: &'a Path,
}

impl Layout<'_> {
    fn write(&self, root: &Path, config: &Config, name: &str) -> Result<Descriptor> {
        let blobs = self.folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).doing("make", &blobs)?;
        let unnamed = blobs.join("layer");
        let layer = layer::write(root, config.time, &unnamed)?;
        fs::rename(&unnamed, blobs.join(&layer.sha256)).doing("rename", &unnamed)?;
        let layer = descriptor(MediaType::ImageLayer, layer.size, &layer.sha256)?;

        let content = configuration(config, layer.digest().as_ref()).map_err(describe)?;
        let content = self.blob(MediaType::ImageConfig, &content)?;
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(content)
            .layers([layer])
            .build()
            .map_err(describe)?;
        let mut manifest = self.blob(MediaType::ImageManifest, &manifest)?;
        manifest.set_annotations(Some(HashMap::from([(NAME.to_owned(), name.to_owned())])));
        manifest.set_platform(Some(PlatformBuilder::default().os(Os::Linux).architecture(Arch::default()).build().map_err(describe)?));
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests([manifest.clone()])
            .build()
            .map_err(describe)?;
        self.file("index.json", &json(&index)?)?;
        self.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(manifest)
    }

    fn blob(&self, kind: MediaType, content: &impl Serialize) -> Result<Descriptor> {
        let bytes = json(content)?;
        let digest = hex::encode(Sha256::digest(&bytes));
        self.file(&format!("blobs/sha256/{digest}"), &bytes)?;
        descriptor(kind, bytes.len() as u64, &digest)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let file = self.folder.join(name);
        fs::write(&file, bytes).doing("write", &file)
    }
}

fn configuration(config: &Config, layer: &str) -> std::result::Result<impl Serialize + use<>, OciSpecError> {
    let mut env: Vec<String> = config.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !config.env.contains_key("PATH") {
        env.insert(0, PATH.to_owned());
    }
    let start = ConfigBuilder::default()
        .user(&config.user)
        .entrypoint(config.entrypoint.clone())
        .cmd(config.cmd.clone())
        .env(env)
        .working_dir(if config.workdir.is_empty() { "/" } else { &config.workdir })
        .exposed_ports(config.exposed_ports.clone())
        .labels(config.labels.clone().into_iter().collect::<HashMap<_, _>>())
        .build()?;
    let created = jiff::Timestamp::UNIX_EPOCH
        .saturating_add(jiff::SignedDuration::from_secs(config.time.into()))
        .map_or_else(|_| String::new(), |at| at.to_string());
    ImageConfigurationBuilder::default()
        .created(&created)
        .architecture(Arch::default())
        .os(Os::Linux)
        .config(start)
        .rootfs(RootFsBuilder::default().typ("layers").diff_ids([layer.to_owned()]).build()?)
        .history([HistoryBuilder::default().created(&created).created_by("kopnams-images").build()?])
        .build()
}

fn descriptor(kind: MediaType, size: u64, sha256: &str) -> Result<Descriptor> {
    let digest = Sha256Digest::from_str(sha256).map_err(describe)?;
    DescriptorBuilder::default().media_type(kind).size(size).digest(digest).build().map_err(describe)
}

#[allow(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn describe(error: OciSpecError) -> Error {
    Error::Describe(error.to_string())
}

/// Sorted: the labels' order must not depend on the run.
fn json(content: &impl Serialize) -> Result<Vec<u8>> {
    let sorted = serde_json::to_value(content).map(|mut value| {
        value.sort_all_objects();
        value
    });
    sorted.and_then(|value| serde_json::to_vec(&value)).map_err(|error| Error::Describe(error.to_string()))
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

fn without_tag(name: &str) -> &str {
    match name.rsplit_once(':') {
        // A colon before a slash belongs to a host's port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

/// A name that nobody completes: with a host, so that `web` does not become somebody's public image.
fn check_name(name: &str) -> Result<()> {
    let refused = || Error::Name(name.to_owned());
    let (host, path) = without_tag(name).split_once('/').ok_or_else(refused)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/');
    let is_host = host == "localhost" || host.contains(['.', ':']);
    let parts_start_plain = path.split('/').all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let tag = name.get(without_tag(name).len() + 1..);
    let tag_plain = tag.is_none_or(|tag| !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    if is_host && parts_start_plain && path.chars().all(plain) && tag_plain { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_host_and_lose_their_tag() {
        for good in ["localhost/web", "localhost/web:1", "registry.example.lv:5000/a/b_c:x.Y-1"] {
            check_name(good).unwrap();
        }
        for bad in ["web", "web:1", "localhost/", "localhost/Web", "localhost/web:", "localhost//web", "localhost/web@sha256:00", "a/b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert_eq!(without_tag("registry.example.lv:5000/a"), "registry.example.lv:5000/a");
        assert_eq!(without_tag("registry.example.lv:5000/a:1"), "registry.example.lv:5000/a");
    }
}
