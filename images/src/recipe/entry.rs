//! Catalogue entries: their folders, and the same with digests in the place of recipes.

use super::{Builder, Doing, Recipe, Result, invalid};
use kopnams_images::Built;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How an entry names an image before it is built.
const RECIPE: &str = "recipe:";
/// What publiccode.yml 0.4 asks for, as paths.
const PUBLICCODE: [&str; 11] = [
    "name",
    "url",
    "platforms",
    "categories",
    "developmentStatus",
    "softwareType",
    "description",
    "legal.license",
    "maintenance.type",
    "localisation.localisationReady",
    "localisation.availableLanguages",
];

/// An entry as it stands in the catalogue's folder.
pub struct Entry {
    name: String,
    file: PathBuf,
    text: String,
    /// The recipes that it names.
    recipes: BTreeSet<String>,
}

/// The entries of a catalogue, or those named in `only`.
pub fn read_all(source: &Path, only: &[String]) -> Result<Vec<Entry>> {
    let mut names = Vec::new();
    for folder in fs::read_dir(source).doing("read", source)? {
        let folder = folder.doing("read", source)?.path();
        if folder.join("system.yaml").exists() {
            names.extend(folder.file_name().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    if let Some(unknown) = only.iter().find(|name| !names.contains(name)) {
        return Err(invalid(source, format!("there is no entry {unknown}; there are {}", names.join(", "))));
    }
    names.iter().filter(|name| only.is_empty() || only.contains(name)).map(|name| Entry::read(&source.join(name))).collect()
}

impl Entry {
    fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("system.yaml");
        let text = fs::read_to_string(&file).doing("read", &file)?;
        let system = parse(&file, &text)?;
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if at(&system, "metadata.name").and_then(Value::as_str) != Some(&name) {
            return Err(invalid(&file, format!("metadata.name and the folder differ; write {name}")));
        }
        check_publiccode(&folder.join("publiccode.yml"), &system)?;
        let mut recipes = BTreeSet::new();
        for image in images_of(&system) {
            if let Some(recipe) = image.strip_prefix(RECIPE) {
                recipes.insert(recipe.to_owned());
            } else if !image.contains("@sha256:") {
                return Err(invalid(&file, format!("the image {image:?} has no digest; write \"recipe:NAME\" for one of images/")));
            }
        }
        Ok(Self { name, file, text, recipes })
    }

    /// Writes the entry with the digests of its images, and returns the file. Its lines are those of the source.
    pub fn write(&self, out: &Path, images: &BTreeMap<String, Built>) -> Result<PathBuf> {
        let mut text = self.text.clone();
        for (name, built) in images {
            text = text.replace(&format!("\"{RECIPE}{name}\""), &format!("\"{}\"", built.reference));
        }
        let written = parse(&self.file, &text)?;
        if let Some(left) = images_of(&written).find(|image| image.starts_with(RECIPE)) {
            return Err(invalid(&self.file, format!("write the image in double quotes: \"{left}\"")));
        }
        fs::create_dir_all(out).doing("make the folder", out)?;
        let file = out.join(format!("{}.yaml", self.name));
        let head = format!("# Written by `make catalogue` from {}; do not edit.\n", self.file.display());
        fs::write(&file, head + &text).doing("write", &file)?;
        Ok(file)
    }
}

/// Builds the images: all recipes of the catalogue, or only those that the entries name.
pub fn build_images(builder: &Builder, source: &Path, out: &Path, entries: &[Entry], only_named: bool) -> Result<BTreeMap<String, Built>> {
    let folder = source.join("images");
    let mut names: BTreeSet<String> = entries.iter().flat_map(|entry| entry.recipes.iter().cloned()).collect();
    for entry in entries {
        if let Some(missing) = entry.recipes.iter().find(|name| !folder.join(name).join("recipe.yaml").exists()) {
            return Err(invalid(&entry.file, format!("there is no recipe {}", folder.join(missing).display())));
        }
    }
    if !only_named {
        for recipe in fs::read_dir(&folder).doing("read", &folder)?.flatten() {
            names.extend(recipe.file_name().into_string().ok().filter(|_| recipe.path().join("recipe.yaml").exists()));
        }
    }
    let mut images = BTreeMap::new();
    for name in names {
        let recipe = Recipe::read(&folder.join(&name))?;
        let built = builder.build(&recipe, &out.join("images").join(&name))?;
        images.insert(name, built);
    }
    Ok(images)
}

/// Writes `images.json`: what a node imports, and the names by which pods find it.
pub fn write_list(out: &Path, images: &BTreeMap<String, Built>) -> Result<()> {
    let list: Vec<_> = images
        .iter()
        .map(|(name, built)| serde_json::json!({"recipe": name, "name": built.name, "reference": built.reference, "layout": format!("images/{name}")}))
        .collect();
    let file = out.join("images.json");
    fs::create_dir_all(out).doing("make the folder", out)?;
    let text = serde_json::to_string_pretty(&list).map_err(|error| invalid(&file, error.to_string()))?;
    fs::write(&file, text + "\n").doing("write", &file)
}

fn parse(file: &Path, text: &str) -> Result<Value> {
    serde_yaml::from_str(text).map_err(|error| invalid(file, error.to_string()))
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| value.get(part))
}

fn images_of(system: &Value) -> impl Iterator<Item = &str> {
    let versions = at(system, "spec.versions").and_then(Value::as_sequence).into_iter().flatten();
    let images = versions.filter_map(|version| version.get("images").and_then(Value::as_mapping)).flatten();
    images.filter_map(|(_, image)| image.as_str())
}

/// What the standard asks of every description of public software, as far as a mistake is likely.
fn check_publiccode(file: &Path, system: &Value) -> Result<()> {
    let text = fs::read_to_string(file).doing("read", file)?;
    let about = parse(file, &text)?;
    if at(&about, "publiccodeYmlVersion").and_then(Value::as_str) != Some("0.4") {
        return Err(invalid(file, "write publiccodeYmlVersion: \"0.4\""));
    }
    if let Some(missing) = PUBLICCODE.iter().find(|path| at(&about, path).is_none_or(Value::is_null)) {
        return Err(invalid(file, format!("{missing} is missing")));
    }
    for language in ["lv", "en"] {
        let field = |name: &str| at(&about, &format!("description.{language}.{name}"));
        let length = |name: &str| field(name).and_then(Value::as_str).map_or(0, |text| text.chars().count());
        if !(1..=150).contains(&length("shortDescription")) {
            return Err(invalid(file, format!("description.{language}.shortDescription is a sentence of at most 150 characters")));
        }
        if !(150..=10_000).contains(&length("longDescription")) {
            return Err(invalid(file, format!("description.{language}.longDescription has 150 to 10000 characters")));
        }
        if field("features").and_then(Value::as_sequence).is_none_or(Vec::is_empty) {
            return Err(invalid(file, format!("description.{language}.features is a list of at least one feature")));
        }
    }
    let (licence, own) = (at(&about, "legal.license"), at(system, "spec.licence"));
    if licence != own {
        return Err(invalid(file, "legal.license differs from the entry's licence"));
    }
    Ok(())
}
