//! What the settings of an app say of one function, put together with what its code says.

use basalt_core::FieldError;
use basalt_core::document::pointer_token;
use basalt_data::manifest::{FunctionLimits, FunctionSection, FunctionsSection};
use basalt_runtime::Kind;
use serde_json::{Map, Value};

/// The settings, and where they stand.
pub(super) struct Settings<'a> {
    pub section: &'a FunctionsSection,
    pub at: &'static str,
}

impl Settings<'_> {
    /// A function's options: what holds for all functions, over it what its code says, over that what is said of it by
    /// name.
    pub(super) fn options(&self, name: &str, kind: Kind, of_code: &Value) -> Value {
        let mut options = self.common(kind);
        let Some(own) = of_code.as_object() else {
            // Not an object: told as what it is.
            return if of_code.is_null() { self.named(name, options) } else { of_code.clone() };
        };
        options.extend(own.clone());
        self.named(name, options)
    }

    fn named(&self, name: &str, mut options: Map<String, Value>) -> Value {
        if let Some(function) = self.section.declared.get(name) {
            options.extend(function.options.clone());
        }
        Value::Object(options)
    }

    fn common(&self, kind: Kind) -> Map<String, Value> {
        let mut options = Map::new();
        let before = matches!(kind, Kind::BeforeDocument | Kind::BeforeUser);
        let FunctionLimits { timeout, cpu, memory, concurrency, queue, retries } = self.section.limits.clone();
        // A write waits for what comes before it: its time is never that of all functions.
        let times = [("timeout", timeout), ("cpu", cpu)].into_iter().filter(|_| !before);
        options
            .extend(times.filter_map(|(key, time)| Some((key.to_owned(), format!("{}ms", time?.as_millis()).into()))));
        options.extend(memory.map(|bytes| ("memory".to_owned(), format!("{bytes}B").into())));
        let counts = [("concurrency", concurrency), ("queue", queue), ("retries", retries)];
        options.extend(counts.into_iter().filter_map(|(key, count)| Some((key.to_owned(), count?.into()))));
        if matches!(kind, Kind::Callable | Kind::Http) {
            let rule = self.section.invoke.clone();
            options.extend(rule.map(|rule| ("invoke".to_owned(), rule.into())));
        }
        options
    }

    /// The fault where the option was written: in the code, in the function's own table, or in that of all.
    pub(super) fn placed(&self, fault: FieldError, name: &str, in_code: &str, of_code: &Value) -> FieldError {
        let Some(rest) = fault.path.strip_prefix(in_code) else { return fault };
        let key = rest.split('/').nth(1).unwrap_or_default();
        let by_name = self.section.declared.get(name).is_some_and(|function| function.options.contains_key(key));
        let path = if by_name {
            format!("{}/{}{rest}", self.at, pointer_token(name))
        } else if of_code.get(key).is_some() || key.is_empty() {
            return fault;
        } else if key == "invoke" && self.section.invoke.is_some() {
            format!("{}/rules/invoke", self.at)
        } else {
            return fault;
        };
        FieldError { path, ..fault }
    }

    pub(super) fn path_of(&self, name: &str) -> String {
        format!("{}/{}", self.at, pointer_token(name))
    }

    /// Functions elsewhere, by name.
    pub(super) fn remote(&self) -> impl Iterator<Item = (&String, &FunctionSection)> {
        self.section.declared.iter().filter(|(_, function)| function.remote.is_some())
    }
}
