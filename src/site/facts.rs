//! What the page's own checker knows: read out of the definitions and the platform's objects, and written nowhere else.

use super::forge::{Forge, VALUE_MOST};
use super::{SiteError, rules, schema};
use crate::policy::catalogue::{Entry, PARAMETERS_MOST};
use crate::policy::{Amounts, Register};
use crate::request::check::strict::strict;
use crate::request::quantity::QuantityError;
use crate::request::read::layout::FOLDER;
use crate::request::system::Size;
use crate::request::{GROUP, VERSION};
use serde_json::{Map, Value, json};

/// The kind of object that is asked with.
pub const KIND: &str = "MunicipalityApp";
/// The fields of a request that a form has.
const FIELDS: [&str; 8] = ["system", "version", "size", "hostname", "dataClass", "parameters", "processing", "restoreFrom"];
/// Of what a new app is filled with: the name of a set is for whoever reads the list of them.
const RESTORED: [&str; 2] = ["app", "before"];

/// What concerns every system.
///
/// # Errors
/// When a definition of this release says something that cannot be written down as data.
pub fn platform(register: &Register, forge: Option<&Forge>) -> Result<Value, SiteError> {
    let municipalities: Result<Map<_, _>, SiteError> = register
        .municipalities()
        .filter(|(_, tenant)| tenant.problems.is_empty() && !tenant.terminating)
        .map(|(slug, tenant)| {
            let allotment = Amounts::of_allotment(&tenant.spec.allotment)?;
            Ok((slug.clone(), json!({"title": tenant.spec.title, "zones": tenant.spec.zones, "allotment": amounts(allotment)})))
        })
        .collect();
    let class = |(name, class): (&String, &crate::policy::register::Class)| {
        (name.clone(), json!({"title": class.spec.title, "rank": class.spec.rank, "requires": class.spec.requires}))
    };
    let classes = register.classes().filter(|(_, class)| class.problems.is_empty()).map(class);
    let unsaid = |what| SiteError::Definition(what);
    Ok(json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": KIND,
        "folder": FOLDER,
        "nameRules": rules::of_name(KIND).ok_or(unsaid("the rules about an app's name"))?,
        "host": rules::of_zones().ok_or(unsaid("the rule about zones"))?,
        "spec": spec().ok_or(unsaid("the fields of a request"))?,
        "restored": {"needs": RESTORED[1], "code": rules::of_restore(KIND).ok_or(unsaid("the rule about restoreFrom"))?.as_str()},
        "parametersMost": PARAMETERS_MOST,
        "municipalities": municipalities?,
        "classes": classes.collect::<Map<_, _>>(),
        "forge": forge.map(|forge| json!({"name": forge.name(), "address": forge.address(), "valueMost": VALUE_MOST})),
    }))
}

/// What concerns one system.
///
/// # Errors
/// When an amount cannot be read; the entry has a problem then.
pub fn system(name: &str, entry: &Entry) -> Result<Value, SiteError> {
    let spec = &entry.spec;
    let sizes: Result<Map<_, _>, SiteError> =
        spec.sizes.iter().map(|(name, size)| Ok((name.clone(), json!({"amounts": amounts(of_size(size)?)})))).collect();
    let (parameters, unchecked) = schema::known(&spec.parameters);
    Ok(json!({
        "name": name,
        "dataClass": spec.data_class,
        "defaultVersion": spec.default_version,
        "defaultSize": spec.default_size,
        "versions": spec.versions.iter().map(|version| &version.name).collect::<Vec<_>>(),
        "sizes": sizes?,
        "parameters": parameters,
        "unchecked": unchecked,
    }))
}

/// What an app of a size takes of the allotment.
///
/// # Errors
/// When an amount cannot be read.
pub fn of_size(size: &Size) -> Result<Amounts, QuantityError> {
    Ok(Amounts { cpu: size.cpu.millis()?, memory: size.memory.bytes()?, storage: size.storage.bytes()?, apps: 1 })
}

fn amounts(amounts: Amounts) -> Value {
    json!({"cpu": amounts.cpu, "memory": amounts.memory, "storage": amounts.storage, "apps": amounts.apps})
}

/// The schema of a request, with the fields that a form has.
fn spec() -> Option<Value> {
    let definition = strict(&rules::definition(KIND)?);
    let mut spec = definition.pointer("/properties/spec")?.clone();
    spec.get_mut("properties")?.as_object_mut()?.retain(|name, _| FIELDS.contains(&&**name));
    spec.pointer_mut("/properties/restoreFrom/properties")?.as_object_mut()?.retain(|name, _| RESTORED.contains(&&**name));
    schema::definition(&spec)
}

/// Facts as a script: the only thing that a page may load without asking anybody.
#[must_use]
pub fn script(name: &str, facts: &Value) -> Vec<u8> {
    // As text, because in a script a field named __proto__ would be something else.
    let text = Value::from(facts.to_string());
    format!("(globalThis.kopnams ??= {{}}).{name} = JSON.parse({text});\n").into_bytes()
}
