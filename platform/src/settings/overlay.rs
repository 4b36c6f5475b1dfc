//! What an operator gave, key by key, each checked against the keys that are known.

use serde_json::{Map, Value};

use super::{ELSEWHERE, OWNED, PREFIX};

/// One value that an operator gave.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// The key as the operator wrote it, for messages: `postgres.pool in daybook.toml` or `DAYBOOK_POSTGRES_POOL`.
    pub name: String,
    pub section: String,
    pub key: String,
    value: Value,
    origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    SettingsFile,
    Environment,
    SecretFile,
}

impl Given {
    /// What the value may mean, the likeliest first. A variable is only a text, so its key's default tells the type; where
    /// that is open (`None`), a text is tried first and then a number or a truth value.
    pub fn readings(&self, default: &Value) -> Vec<Value> {
        let text = match (&self.value, self.origin) {
            (Value::String(text), Origin::Environment) => text.trim(),
            _ => return vec![self.value.clone()],
        };
        let literal = serde_json::from_str::<Value>(text).ok().filter(|v| v.is_number() || v.is_boolean());
        let text_itself = Value::String(text.to_owned());
        match default {
            Value::Number(_) | Value::Bool(_) => vec![literal.unwrap_or(text_itself)],
            Value::Null => std::iter::once(text_itself).chain(literal).collect(),
            Value::Array(_) => {
                let items = text.split(',').map(|item| Value::String(item.trim().to_owned()));
                vec![Value::Array(items.collect())]
            }
            _ => vec![text_itself],
        }
    }
}

/// The values given so far (a later one wins) and what is wrong with them.
pub(super) struct Overlay {
    known: Map<String, Value>,
    pub given: Vec<Given>,
    pub problems: Vec<String>,
}

impl Overlay {
    pub fn new(known: Map<String, Value>) -> Self {
        Self { known, given: Vec::new(), problems: Vec::new() }
    }

    /// Takes the sections and keys of a settings file.
    pub fn file(&mut self, path: &str, text: &str) {
        let sections = match toml::from_str::<Map<String, Value>>(text) {
            Ok(sections) => sections,
            // The whole message would quote the line, and with it perhaps a secret that ought not to stand there.
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
                self.problems.push(format!("{path}, line {line}, is not valid TOML: {}", error.message()));
                return;
            }
        };
        for (section, keys) in sections {
            let name = format!("{section} in {path}");
            match (self.known.contains_key(&section), keys) {
                (false, _) if OWNED.contains(&section.as_str()) => {}
                (false, _) => {
                    let sections = self.known.keys().map(String::as_str).chain(OWNED);
                    let hint = nearest(&section, sections);
                    self.problems.push(format!("unknown section {name}{hint}"));
                }
                (true, Value::Object(keys)) => {
                    for (key, value) in keys {
                        let name = format!("{section}.{key} in {path}");
                        self.give(Given { name, section: section.clone(), key, value, origin: Origin::SettingsFile });
                    }
                }
                (true, _) => self.problems.push(format!("{name} must be a section of keys")),
            }
        }
    }

    /// Takes the variables of the environment that are settings.
    pub fn environment(&mut self, variables: Vec<(String, String)>) {
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            if text.trim().is_empty() || ELSEWHERE.contains(&name.as_str()) {
                continue;
            }
            let rest = rest.to_ascii_lowercase();
            let sections = self.known.keys().map(String::as_str).chain(OWNED);
            // A section's name may hold an underscore, so the longest that fits is meant.
            let section = sections
                .filter(|section| rest.strip_prefix(section).is_some_and(|key| key.starts_with('_')))
                .max_by_key(|section| section.len())
                .map(str::to_owned);
            match section {
                Some(section) if self.known.contains_key(&section) => {
                    let key = rest[section.len() + 1..].to_owned();
                    let value = Value::String(text);
                    self.give(Given { name, section, key, value, origin: Origin::Environment });
                }
                Some(_) => {}
                None => {
                    let hint = nearest(&name, self.variables().iter().map(String::as_str));
                    self.problems.push(format!("unknown setting {name} in the environment{hint}"));
                }
            }
        }
    }

    /// Reads the secrets that files hold, for the sections this process has.
    pub fn secrets(&mut self, own: &Map<String, Value>) {
        for (section, keys) in own {
            let Some(keys) = keys.as_object() else {
                continue;
            };
            for key in keys.keys().filter(|key| keys.contains_key(&format!("{key}_file"))) {
                self.secret(section, key, keys.get(&format!("{key}_file")).unwrap_or(&Value::Null));
            }
        }
    }

    fn secret(&mut self, section: &str, key: &str, default_path: &Value) {
        let key_file = format!("{key}_file");
        let last = |wanted: &str| self.given.iter().rev().find(|given| given.section == section && given.key == wanted);
        let (itself, path) = (last(key), last(&key_file));
        let problem = match (itself, path) {
            (Some(itself), _) if itself.origin == Origin::SettingsFile => format!(
                "{} is a secret and must not stand in a settings file: name a file by {section}.{key_file} or set {}",
                itself.name,
                variable(section, key)
            ),
            (Some(itself), Some(path)) if path.origin == Origin::Environment => {
                format!("{} and {} are both set: give one of them", itself.name, path.name)
            }
            (Some(_), _) => return,
            (None, path) => {
                let name = path.map_or_else(|| format!("{section}.{key_file}"), |path| path.name.clone());
                let Some(path) = path.map_or(default_path, |path| &path.value).as_str() else {
                    return;
                };
                match std::fs::read_to_string(path) {
                    Ok(text) if text.trim_end().is_empty() => format!("{name}: {path} is empty"),
                    Ok(text) => {
                        let value = Value::String(text.trim_end_matches(['\r', '\n']).to_owned());
                        let (section, key) = (section.to_owned(), key.to_owned());
                        self.given.push(Given { name, section, key, value, origin: Origin::SecretFile });
                        return;
                    }
                    Err(error) => format!("{name}: {path} cannot be read: {error}"),
                }
            }
        };
        self.problems.push(problem);
    }

    fn give(&mut self, given: Given) {
        let keys = self.known.get(&given.section).and_then(Value::as_object);
        if !keys.is_some_and(|keys| keys.contains_key(&given.key)) {
            let known = match given.origin {
                Origin::Environment => self.variables(),
                _ => keys.into_iter().flat_map(Map::keys).map(|key| format!("{}.{key}", given.section)).collect(),
            };
            let written = match given.origin {
                Origin::Environment => given.name.clone(),
                _ => format!("{}.{}", given.section, given.key),
            };
            let hint = nearest(&written, known.iter().map(String::as_str));
            let place = match given.origin {
                Origin::Environment => " in the environment",
                _ => "", // its name says the file
            };
            self.problems.push(format!("unknown setting {}{place}{hint}", given.name));
        } else if given.value.as_str().is_some_and(holds_password) {
            self.problems
                .push(format!("{} holds a password: give it by the section's password or password_file", given.name));
        } else {
            self.given.push(given);
        }
    }

    /// The names of all variables that are known.
    fn variables(&self) -> Vec<String> {
        let sections = self.known.iter().filter_map(|(section, keys)| Some((section, keys.as_object()?)));
        sections.flat_map(|(section, keys)| keys.keys().map(|key| variable(section, key))).collect()
    }
}

/// The environment variable of a key.
fn variable(section: &str, key: &str) -> String {
    format!("{PREFIX}{}_{}", section.to_ascii_uppercase(), key.to_ascii_uppercase())
}

/// Whether a URL has a password before its host. Such a URL would be printed with the settings.
fn holds_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

/// `, did you mean x?`, where a known name is near enough to be meant.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!("; the nearest known one is {candidate}"))
        .unwrap_or_default()
}
