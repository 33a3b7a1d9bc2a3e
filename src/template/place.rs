//! Places in an object, and what an expression may do there.

use super::expression::Text;
use crate::desired::Kind;
use serde_json::Value;
use std::collections::BTreeSet;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The value of an environment variable.
    Env,
    /// A word of a command line, of a container, a probe or a hook.
    Word {
        /// The container runs a shell with a script, in which a parameter would be code.
        script: bool,
    },
    /// A value of a `ConfigMap`.
    Config,
    /// The name of a Secret.
    SecretName,
    /// A container's image.
    Image,
    /// A name, a label or a selector, which must stand there as it is.
    Fixed,
    /// Anything else.
    Other,
}

impl Place {
    /// Whether Kubernetes wants text there, whatever the type of the value is.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Env | Self::Word { .. } | Self::Config)
    }

    /// A value as it must be written there to stay what it is: the kubelet reads `$(NAME)` in variables and commands.
    #[must_use]
    pub fn guarded(self, value: String) -> String {
        if matches!(self, Self::Env | Self::Word { .. }) { value.replace('$', "$$") } else { value }
    }
}

/// The path to the pod's spec in an object of this kind; none for kinds without pods.
#[must_use]
pub fn pod_spec(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Deployment | Kind::StatefulSet | Kind::Job => Some(&["spec", "template", "spec"]),
        Kind::CronJob => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

/// What stands at `path` of `object`.
#[must_use]
pub fn place(kind: Kind, object: &Value, path: &[String]) -> Place {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    if let (Kind::ConfigMap, ["data", _]) = (kind, &words[..]) {
        return Place::Config;
    }
    if matches!(words[..], ["apiVersion" | "kind" | "metadata", ..]) || words.contains(&"selector") || words.contains(&"metadata") {
        return Place::Fixed;
    }
    let Some(inside) = pod_spec(kind).and_then(|prefix| words.strip_prefix(prefix)) else {
        return Place::Other;
    };
    match inside {
        ["containers" | "initContainers", _, "image"] => Place::Image,
        ["containers" | "initContainers", _, "env", _, "value"] => Place::Env,
        ["containers" | "initContainers", _, "env", _, "valueFrom", "secretKeyRef", "name"] | ["volumes", _, "secret", "secretName"] => {
            Place::SecretName
        }
        ["containers" | "initContainers", index, .., "command" | "args", _] => {
            let mut list = pod_spec(kind).into_iter().flatten().copied().chain([inside[0], index]);
            let container = list.try_fold(object, child);
            Place::Word {
                script: container.is_some_and(runs_script)
                    || inside.get(2).is_some_and(|field| field.ends_with("Probe") || *field == "lifecycle"),
            }
        }
        _ => Place::Other,
    }
}

fn child<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        Value::Object(map) => map.get(step),
        _ => None,
    }
}

/// Whether a container's command line may be a shell or another interpreter that is given a script: `sh -ec`, `perl -e`, `php -r`.
fn runs_script(container: &Value) -> bool {
    let words = |field: &str| container.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    words("command").chain(words("args")).any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains(['c', 'e', 'r']))
}

/// Where a container's command line, probe or other variable repeats a variable that holds a parameter. The kubelet puts
/// the value in the place of `$(NAME)` before anything runs, so what is not allowed as `${parameters.x}` is not as this either.
#[must_use]
pub fn echoed(kind: Kind, object: &Value) -> Vec<(String, String)> {
    let Some(prefix) = pod_spec(kind) else { return Vec::new() };
    let mut found = Vec::new();
    for list in ["containers", "initContainers"] {
        let at = format!("/{}/{list}", prefix.join("/"));
        for (index, container) in object.pointer(&at).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let variables = container.get("env").and_then(Value::as_array).into_iter().flatten();
            let given = |variable: &&Value| {
                let value = variable.get("value").and_then(Value::as_str).unwrap_or_default();
                value.contains("parameters") || variable.pointer("/valueFrom/configMapKeyRef").is_some()
            };
            let names: Vec<&str> = variables.filter(given).filter_map(|variable| variable.get("name").and_then(Value::as_str)).collect();
            super::shape::walk(container, &mut Vec::new(), &mut |path, value| {
                let text = value.as_str().unwrap_or_default();
                if let Some(name) = names.iter().find(|name| text.contains(&format!("$({name})"))) {
                    let problem = format!(
                        "`$({name})` puts what a request says into `{text}`; let the program read the variable {name} itself, in a script as \"${name}\""
                    );
                    found.push((format!("{at}/{index}/{}", path.join("/")), problem));
                }
            });
        }
    }
    found
}

/// What the parameters of an entry are, as its schema says.
#[derive(Debug, Default)]
pub struct Parameters {
    declared: BTreeSet<String>,
    always: BTreeSet<String>,
    pinned: BTreeSet<String>,
    /// What stands for a parameter that a request leaves out.
    pub defaults: serde_json::Map<String, Value>,
}

impl Parameters {
    /// Reads the schema.
    #[must_use]
    pub fn of(schema: &Value) -> Self {
        let mut found = Self::default();
        let required: BTreeSet<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            found.declared.insert(name.clone());
            if let Some(default) = property.get("default") {
                found.defaults.insert(name.clone(), default.clone());
            }
            if required.contains(name.as_str()) || property.get("default").is_some() {
                found.always.insert(name.clone());
            }
            if property.get("enum").is_some() {
                found.pinned.insert(name.clone());
            }
        }
        found
    }
}

/// What a version declares for its templates.
#[derive(Debug)]
pub struct Declared<'a> {
    /// Names of images.
    pub images: BTreeSet<&'a str>,
    /// Names of secrets.
    pub secrets: BTreeSet<&'a str>,
    /// Parameters.
    pub parameters: &'a Parameters,
}

/// Says why a text may not stand at a place, if it may not. `text` is none for a plain one.
pub fn check(place: Place, plain: &str, text: Option<&Text>, declared: &Declared<'_>) -> Result<(), String> {
    let whole = text.and_then(Text::whole);
    match place {
        Place::Image => {
            let name = whole.and_then(|e| e.member_of("images"));
            return match name {
                Some(name) if declared.images.contains(name) => Ok(()),
                Some(name) => Err(format!(
                    "the version has no image `{name}`; write one of {} or add it to images",
                    crate::request::said::listed(declared.images.iter().copied())
                )),
                None => {
                    Err(format!("`{plain}` is no image of the version; list it under images by digest and write ${{images.name}} here"))
                }
            };
        }
        Place::SecretName => {
            let name = whole.and_then(|e| e.member_of("secrets"));
            return match name {
                Some(name) if declared.secrets.contains(name) => Ok(()),
                Some(name) => Err(format!(
                    "the version has no secret `{name}`; write one of {} or add it to secrets",
                    crate::request::said::listed(declared.secrets.iter().copied())
                )),
                None => Err(format!("`{plain}` is no secret of the version; list it under secrets and write ${{secrets.name}} here")),
            };
        }
        Place::Fixed if text.is_some() => {
            return Err(format!("`{plain}` stands in a name, label or selector, where no expression is allowed; write it out"));
        }
        _ => {}
    }
    for expression in text.into_iter().flat_map(Text::expressions) {
        let source = &expression.source;
        if expression.roots.contains("secrets") {
            return Err(format!(
                "`${{{source}}}` names a secret; that is allowed in secretKeyRef.name and in a secret volume's secretName only"
            ));
        }
        if expression.roots.contains("images") {
            return Err(format!("`${{{source}}}` names an image; that is allowed as a container's image only"));
        }
        if !expression.roots.contains("parameters") {
            continue;
        }
        for name in expression.members_of("parameters") {
            if !declared.parameters.declared.contains(name) {
                return Err(format!("`${{{source}}}` speaks of the parameter `{name}`, which the schema under parameters does not have"));
            }
            if !declared.parameters.always.contains(name) && !source.contains(&format!("has(parameters.{name})")) {
                return Err(format!(
                    "the parameter `{name}` may be left out and then `${{{source}}}` has no value; give it a default or make it required"
                ));
            }
        }
        let pinned = expression.member_of("parameters").is_some_and(|name| declared.parameters.pinned.contains(name));
        let plain_value = whole.is_some() && !expression.functions.contains("_+_");
        let allowed = match place {
            Place::Word { script: false } => pinned || expression.is_json(),
            Place::Env | Place::Config => plain_value || pinned || expression.is_json(),
            Place::Word { script: true } | Place::Image | Place::SecretName | Place::Fixed | Place::Other => false,
        };
        if !allowed {
            return Err(format!(
                "`${{{source}}}` would let a request write into `{plain}`; a parameter may be the whole value of a variable or of a ConfigMap's key; \
                 within a longer value, command or args only if its schema has an enum or as ${{toJson(…)}}, and never in a script"
            ));
        }
    }
    Ok(())
}
