//! Settings: what an operator tells a process before it starts.
//!
//! A TOML file named by `DAYBOOK_CONFIG` (optional) is overlaid by the environment, `DAYBOOK_<SECTION>_<KEY>`; both are
//! overlaid on the defaults of the service. One file and one environment may serve all processes: a key of another known
//! section is passed over, a misspelled one stops the process and is named together with the nearest known key.
//!
//! A key `x` beside which there is a key `x_file` is a secret. It comes from the environment or from the file that
//! `x_file` names; the settings file never holds it. An empty variable counts as not given.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::sections::Shared;
use overlay::{Given, Overlay};

mod overlay;

/// The prefix of every variable that is a setting.
const PREFIX: &str = "DAYBOOK_";

/// The variable that names the settings file.
const CONFIG: &str = "DAYBOOK_CONFIG";

/// Variables with our prefix that speak to the scripts around the processes, not to a process.
const ELSEWHERE: [&str; 4] = [CONFIG, "DAYBOOK_STATE", "DAYBOOK_CACHE", "DAYBOOK_PORT_OFFSET"];

/// Sections that belong to one program each. Their keys are checked by the program that has them.
const OWNED: [&str; 7] = ["cli", "command_api", "journal", "policies", "projector", "query_api", "sign_in"];

/// What a process was given: the settings file and the environment.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Path and text of the settings file.
    pub file: Option<(PathBuf, String)>,
    /// Variables of the environment; those without our prefix are ignored.
    pub environment: Vec<(String, String)>,
}

impl Sources {
    /// Reads the environment of this process and the file that it names.
    pub fn of_this_process() -> Result<Self, SettingsError> {
        let environment: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .map(|(name, value)| match value.into_string() {
                Ok(value) => Ok((name, value)),
                Err(_) => Err(SettingsError::one(format!("{name} is not valid UTF-8"))),
            })
            .collect::<Result<_, _>>()?;
        let path = environment.iter().find(|(name, value)| name == CONFIG && !value.is_empty());
        let file = match path {
            None => None,
            Some((_, path)) => match std::fs::read_to_string(path) {
                Ok(text) => Some((PathBuf::from(path), text)),
                Err(error) => {
                    return Err(SettingsError::one(format!("{CONFIG} names {path}, which cannot be read: {error}")));
                }
            },
        };
        Ok(Self { file, environment })
    }
}

/// Why a process does not start: everything that is wrong with its settings at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settings: {}", problems.join("; "))]
pub struct SettingsError {
    /// One sentence for each problem, naming the key. Never contains a secret.
    pub problems: Vec<String>,
}

impl SettingsError {
    fn one(problem: String) -> Self {
        Self { problems: vec![problem] }
    }
}

/// Loads the settings of this process.
///
/// `T` is the service's own struct: one field for each section, each section a struct of keys. Its `Default` is what holds
/// where nothing is said, so a service gives its own port there.
pub fn load<T: Default + Serialize + DeserializeOwned>() -> Result<T, SettingsError> {
    load_from(Sources::of_this_process()?)
}

/// Loads settings from given sources.
pub fn load_from<T: Default + Serialize + DeserializeOwned>(sources: Sources) -> Result<T, SettingsError> {
    let own = tree(&T::default());
    let mut known = tree(&Shared::default());
    known.extend(own.clone());

    let mut overlay = Overlay::new(known);
    if let Some((path, text)) = &sources.file {
        overlay.file(&path.display().to_string(), text);
    }
    overlay.environment(sources.environment);
    overlay.secrets(&own);

    let Overlay { given, mut problems, .. } = overlay;
    let mut merged = own.clone();
    for given in given {
        let Some(default) = own.get(&given.section).and_then(|section| section.get(&given.key)) else {
            continue; // of another service
        };
        match fitting::<T>(&own, default, &given) {
            Ok(value) => merged[&given.section][&given.key] = value,
            Err(problem) => problems.push(format!("{}: {problem}", given.name)),
        }
    }
    if !problems.is_empty() {
        return Err(SettingsError { problems });
    }
    serde_json::from_value(Value::Object(merged)).map_err(|error| SettingsError::one(error.to_string()))
}

/// The settings as one line of JSON with every secret redacted: what a process prints when it starts.
pub fn summary<T: Serialize>(settings: &T) -> String {
    Value::Object(tree(settings)).to_string()
}

/// A settings struct as sections of keys; what is `None` stays visible as `null`, so that its key is known.
fn tree<T: Serialize>(settings: &T) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(sections)) => sections,
        other => panic!("settings must be a struct of sections, not {other:?}"),
    }
}

/// The reading of a given value that its key accepts, or what the key says against it.
fn fitting<T: DeserializeOwned>(own: &Map<String, Value>, default: &Value, given: &Given) -> Result<Value, String> {
    let mut objection = None;
    for value in given.readings(default) {
        let mut attempt = own.clone();
        attempt[&given.section][&given.key] = value.clone();
        match serde_json::from_value::<T>(Value::Object(attempt)) {
            Ok(_) => return Ok(value),
            Err(error) => objection = objection.or(Some(error.to_string())),
        }
    }
    Err(objection.unwrap_or_else(|| "is empty".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An operator finds every shared setting in the README, with the default it has.
    #[test]
    fn the_readme_lists_every_shared_setting() {
        let readme = include_str!("../README.md");
        for (section, keys) in tree(&Shared::default()) {
            for (key, default) in keys.as_object().unwrap() {
                let default = match default {
                    Value::Null => String::new(),
                    Value::String(text) => format!("`{text}`"),
                    other => format!("`{other}`"),
                };
                let row = format!("| `{section}.{key}` | {default} |").replace("  ", " ");
                assert!(readme.contains(&row), "the README lacks the row {row}");
            }
        }
    }
}
