//! Where settings come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::parse::Raw;
use super::settings::{SETTINGS, Setting};
use super::{Configuration, Problem};

const FILE: &str = "basalt.toml";
const FILE_VARIABLE: &str = "BASALT_CONFIG";
/// Variables of our test suites, which mean nothing to a server.
const TESTS: &str = "BASALT_TEST_";
/// What commands name a server elsewhere by.
const OF_COMMANDS: [&str; 2] = ["BASALT_URL", "BASALT_KEY"];

/// What was said on the command line: settings by their keys.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub settings: Vec<(String, String)>,
}

/// Everything that a configuration is read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The folder in which `basalt.toml` is looked for.
    pub folder: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub flags: Flags,
}

impl Sources {
    /// The settings that could be read, and a problem for each that couldn't.
    pub(super) fn read(&self) -> (Configuration, Vec<Problem>) {
        let mut reading = Reading::default();
        if let Some((path, text)) = self.file(&mut reading) {
            reading.file(&path, &text);
        }
        reading.environment(&self.environment);
        for (key, value) in &self.flags.settings {
            reading.set(key, &Raw::Text(value.clone()), "flag");
        }
        (reading.configuration, reading.problems)
    }

    /// The file that was named, else `basalt.toml` if there is one.
    fn file(&self, reading: &mut Reading) -> Option<(String, String)> {
        let named = self.flags.config.clone().or_else(|| self.environment.get(FILE_VARIABLE).map(PathBuf::from));
        let path = self.folder.join(named.as_deref().unwrap_or(Path::new(FILE)));
        let shown = path.display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Some((shown, text)),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                reading.problem("config", &shown, format!("can't be read: {error}"));
                None
            }
        }
    }
}

#[derive(Default)]
struct Reading {
    configuration: Configuration,
    problems: Vec<Problem>,
}

impl Reading {
    fn file(&mut self, path: &str, text: &str) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.table(path, "", table),
            Err(error) => self.problem("config", path, error.to_string().trim_end().replace('\n', "\n    ")),
        }
    }

    fn table(&mut self, path: &str, prefix: &str, table: toml::Table) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            let section = format!("{key}.");
            match value {
                toml::Value::Table(inner) if SETTINGS.iter().any(|setting| setting.key.starts_with(&section)) => {
                    self.table(path, &key, inner);
                }
                value => self.set(&key, &Raw::Toml(value), path),
            }
        }
    }

    fn environment(&mut self, environment: &BTreeMap<String, String>) {
        for (name, value) in environment.iter().filter(|(name, _)| name.starts_with("BASALT_")) {
            if name == FILE_VARIABLE || name.starts_with(TESTS) || OF_COMMANDS.contains(&name.as_str()) {
                continue;
            }
            if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable() == *name) {
                self.apply(setting, &Raw::Text(value.clone()), "environment");
                continue;
            }
            let by_file = |setting: &&Setting| setting.secret && format!("{}_FILE", setting.variable()) == *name;
            match SETTINGS.iter().find(by_file) {
                Some(setting) if environment.contains_key(&setting.variable()) => {
                    self.problem(name, "environment", format!("is set beside {}", setting.variable()));
                }
                Some(setting) => self.secret_file(setting, name, value),
                None => self.problem(name, "environment", "is not a setting".to_owned()),
            }
        }
    }

    fn secret_file(&mut self, setting: &Setting, name: &str, path: &str) {
        match std::fs::read_to_string(path) {
            Ok(text) => self.apply(setting, &Raw::Text(text.trim().to_owned()), name),
            Err(error) => self.problem(name, "environment", format!("{path} can't be read: {error}")),
        }
    }

    fn set(&mut self, key: &str, raw: &Raw, origin: &str) {
        match SETTINGS.iter().find(|setting| setting.key == key) {
            Some(setting) => self.apply(setting, raw, origin),
            None => self.problem(key, origin, "is not a setting".to_owned()),
        }
    }

    fn apply(&mut self, setting: &Setting, raw: &Raw, origin: &str) {
        if let Err(message) = (setting.set)(&mut self.configuration, raw) {
            self.problem(setting.key, origin, message);
        }
    }

    fn problem(&mut self, key: &str, origin: &str, message: String) {
        self.problems.push(Problem { key: key.to_owned(), origin: origin.to_owned(), message });
    }
}
