//! Texts with `${…}` in them: read once, evaluated for each app.

use super::place::Place;
use cel::{Context, Program, Value as Cel};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What an expression may speak of.
pub const ROOTS: [&str; 7] = ["app", "images", "municipality", "parameters", "secrets", "size", "system"];

/// Longest expression, in bytes.
const LENGTH_MOST: usize = 1000;
/// Most brackets, signs and choices in an expression: no deeper can it be.
const DEPTH_MOST: usize = 48;

/// One `${…}`.
pub struct Expression {
    /// As it was written, without the braces.
    pub source: String,
    /// The roots that it speaks of.
    pub roots: BTreeSet<String>,
    /// The functions and operators that it uses.
    pub functions: BTreeSet<String>,
    program: Program,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{{}}}", self.source)
    }
}

impl Expression {
    fn compile(source: &str) -> Result<Self, String> {
        let source = source.trim();
        // The library cannot evaluate messages and ends the process on one; and it reads brackets by recursion.
        if source.contains('{') {
            return Err(format!("`${{{source}}}` has a brace in it; write braces outside the expression"));
        }
        let depth = source.matches(['(', '[', '!', '-', '?']).count();
        if source.len() > LENGTH_MOST || depth > DEPTH_MOST {
            return Err(format!(
                "an expression has at most {LENGTH_MOST} characters and {DEPTH_MOST} brackets and signs; say it in simpler ones"
            ));
        }
        let program = Program::compile(source).map_err(|errors| {
            let first = errors.errors.first().map(|error| error.msg.lines().next().unwrap_or_default().to_string());
            format!("`${{{source}}}` is no expression ({}); write for example ${{parameters.siteTitle}}", first.unwrap_or_default())
        })?;
        let references = program.references();
        let roots: BTreeSet<String> = references.variables().into_iter().map(ToString::to_string).collect();
        let functions = references.functions().into_iter().map(ToString::to_string).collect();
        if let Some(unknown) = roots.iter().find(|root| !ROOTS.contains(&root.as_str())) {
            return Err(format!("`${{{source}}}` speaks of `{unknown}`; an expression knows {}", crate::request::said::listed(ROOTS)));
        }
        Ok(Self { source: source.to_string(), roots, functions, program })
    }

    /// The one member of `root` that the expression is, as in `images.web`.
    #[must_use]
    pub fn member_of(&self, root: &str) -> Option<&str> {
        let name = self.source.strip_prefix(root)?.strip_prefix('.')?;
        (!name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(name)
    }

    /// The members of `root` that the expression speaks of anywhere.
    #[must_use]
    pub fn members_of(&self, root: &str) -> BTreeSet<&str> {
        let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let ident = |rest: &str| rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let prefix = format!("{root}.");
        let starts = self.source.match_indices(&prefix).filter(|(at, _)| !self.source[..*at].ends_with(part_of_name));
        starts.map(|(at, _)| &self.source[at + prefix.len()..]).map(|rest| &rest[..ident(rest)]).collect()
    }

    /// Whether it is the JSON text of something.
    #[must_use]
    pub fn is_json(&self) -> bool {
        let Some(inside) = self.source.strip_prefix("toJson(").and_then(|rest| rest.strip_suffix(')')) else { return false };
        // The last bracket closes the first: `toJson(a) + (b)` is more than JSON.
        end_of(inside, '(', ')').is_none()
    }

    fn evaluate(&self, context: &Context<'_>) -> Result<Value, String> {
        let value = self.program.execute(context).map_err(|error| format!("`${{{}}}` has no value: {error}", self.source))?;
        value.json().map_err(|_| format!("`${{{}}}` is neither text, number, list nor map", self.source))
    }
}

/// A text that holds at least one expression, or an escaped one.
#[derive(Debug)]
pub struct Text {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Expression(Expression),
}

impl Text {
    /// Reads a text; `None` when it is plain.
    pub fn read(text: &str) -> Result<Option<Self>, String> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            // `$${` is how `${` itself is written.
            if rest[..at].ends_with('$') {
                literal += &rest[..at];
                literal += "{";
                rest = &rest[at + 2..];
                continue;
            }
            literal += &rest[..at];
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            let end = end_of(&rest[at + 2..], '{', '}')
                .ok_or_else(|| format!("`{text}` opens an expression with ${{ and does not close it with }}"))?;
            parts.push(Part::Expression(Expression::compile(&rest[at + 2..at + 2 + end])?));
            rest = &rest[at + 3 + end..];
        }
        literal += rest;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Some(Self { parts }))
    }

    /// The expression, when the text is nothing else.
    #[must_use]
    pub fn whole(&self) -> Option<&Expression> {
        match self.parts.as_slice() {
            [Part::Expression(expression)] => Some(expression),
            _ => None,
        }
    }

    /// Every expression in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expression(expression) => Some(expression),
            Part::Literal(_) => None,
        })
    }

    /// The value of the text at a place.
    pub fn evaluate(&self, context: &Context<'_>, place: Place) -> Result<Value, String> {
        if let Some(expression) = self.whole() {
            let value = expression.evaluate(context)?;
            return if place.is_text() { as_text(&value, expression).map(|text| Value::String(place.guarded(text))) } else { Ok(value) };
        }
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text += literal,
                Part::Expression(expression) => text += &place.guarded(as_text(&expression.evaluate(context)?, expression)?),
            }
        }
        Ok(Value::String(text))
    }
}

fn as_text(value: &Value, expression: &Expression) -> Result<String, String> {
    match value {
        // No program can be given a text with a zero byte in it.
        Value::String(text) if text.contains('\0') => Err(format!("`${{{}}}` holds a zero byte; leave it out", expression.source)),
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            let source = &expression.source;
            Err(format!("`${{{source}}}` is neither text nor a number; write ${{toJson({source})}} for its JSON text"))
        }
    }
}

/// Where the first closing bracket is that closes nothing within the text; what is in quotes does not count.
fn end_of(text: &str, opening: char, closing: char) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c == opening => depth += 1,
            (None, c) if c == closing && depth == 0 => return Some(at),
            (None, c) if c == closing => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The context of expressions: variables by root, and `toJson`.
#[must_use]
pub fn context(variables: &serde_json::Map<String, Value>) -> Context<'static> {
    let mut context = Context::default();
    for (root, value) in variables {
        context.add_variable_from_value(root.clone(), cel_of(value));
    }
    context.add_function("toJson", |value: Cel| -> Result<Cel, cel::ExecutionError> {
        let json = value.json().map_err(|error| cel::ExecutionError::function_error("toJson", error.to_string()))?;
        Ok(Cel::String(Arc::new(json.to_string())))
    });
    context
}

/// Whole numbers are integers, whatever their sign: expressions add and compare them.
fn cel_of(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(truth) => Cel::Bool(*truth),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Cel::Int(whole),
            (None, Some(large)) => Cel::UInt(large),
            (None, None) => Cel::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(cel_of).collect())),
        Value::Object(map) => {
            let entries: std::collections::HashMap<String, Cel> = map.iter().map(|(key, value)| (key.clone(), cel_of(value))).collect();
            entries.into()
        }
    }
}
