//! Plans and reviews, told to people and to programs.

use std::fmt;

use basalt_core::FieldError;
use serde_json::{Value, json};

use super::Review;
use super::plan::{Action, Plan, PlanItem};
use crate::rules::{Access, Finding, told_access};

impl Plan {
    pub fn to_json(&self) -> Value {
        let names = |wanted: fn(&Action) -> bool| -> Vec<&str> {
            self.items.iter().filter(|item| wanted(&item.action)).map(|item| item.name.as_str()).collect()
        };
        let changed = self.items.iter().filter_map(|item| match &item.action {
            Action::Changed(what) => Some(json!({ "name": item.name, "what": what })),
            _ => None,
        });
        json!({
            "added": names(|action| *action == Action::Added),
            "changed": changed.collect::<Vec<_>>(),
            "unchanged": names(|action| *action == Action::Unchanged),
            "kept": names(|action| *action == Action::Kept),
            "deployed": names(|action| *action == Action::Deployed),
            "removed": names(|action| *action == Action::Removed),
            "access": self.access,
            "warnings": self.warnings,
            "refusals": self.refusals,
        })
    }
}

/// A line for each collection, then who can do what, warnings and refusals.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.items.iter().map(|item| item.name.as_str().len()).max().unwrap_or(0);
        for PlanItem { name, action } in &self.items {
            let (sign, text) = match action {
                Action::Added => ('+', "added".to_owned()),
                Action::Changed(what) => ('~', format!("changed: {}", what.join(", "))),
                Action::Unchanged => ('=', "unchanged".to_owned()),
                Action::Kept => ('.', "kept (not in the manifest)".to_owned()),
                Action::Deployed => ('<', "kept as it was deployed after this manifest".to_owned()),
                Action::Removed => ('-', "removed, with its documents".to_owned()),
            };
            writeln!(f, "{sign} {:width$}  {text}", name.as_str())?;
        }
        tell(f, &self.access, &self.warnings, &self.refusals)
    }
}

/// Who can do what, then warnings and refusals.
impl fmt::Display for Review {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tell(f, &self.access, &self.warnings, &self.refusals)
    }
}

fn tell(f: &mut fmt::Formatter<'_>, access: &[Access], warnings: &[Finding], refusals: &[FieldError]) -> fmt::Result {
    if !access.is_empty() {
        writeln!(f, "who can do what (services and operators aside):")?;
    }
    for line in told_access(access) {
        writeln!(f, "  {line}")?;
    }
    for finding in warnings {
        writeln!(f, "! {} {}: {}", finding.collection, finding.rule, finding.message)?;
    }
    for refusal in refusals {
        writeln!(f, "x {}: {}", refusal.path, refusal.message)?;
    }
    Ok(())
}
