//! Which roles there are and whose rights each has, too: one small cell, so that whoever asks reads it in one go.

use std::collections::{BTreeMap, BTreeSet};

use basalt_core::{Error, FieldError};
use basalt_store::{CellKey, Read};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::common::{Flow, Tx, cell};

/// Roles that there may be: all of them still fit into a token.
pub(super) const MOST: usize = 100;

/// The roles by name, each with those that it inherits from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::auth) struct Graph(BTreeMap<String, BTreeSet<String>>);

fn key() -> CellKey {
    CellKey::new("_roles", "graph")
}

pub(in crate::auth) fn read() -> Read {
    cell(&key())
}

impl Graph {
    pub(in crate::auth) fn load(tx: &mut Tx<'_>) -> Flow<Self> {
        let Some(value) = tx.cell(&key())? else { return Ok(Self::default()) };
        Ok(Self::parse(value)?)
    }

    pub(in crate::auth) fn parse(value: Value) -> Result<Self, Error> {
        serde_json::from_value(value).map_err(Error::internal)
    }

    pub(super) fn save(&self, tx: &mut Tx<'_>) {
        tx.put_cell(&key(), json!(self), None);
    }

    /// The roles that count for somebody who was given these: those that are declared, and all that they inherit from.
    /// One that was taken back since counts no longer.
    pub(in crate::auth) fn effective(&self, granted: &[String]) -> Vec<String> {
        let mut counting: Vec<String> = Vec::new();
        let mut open: Vec<&String> = granted.iter().rev().collect();
        while let Some(role) = open.pop() {
            if let Some(inherits) = self.0.get(role)
                && !counting.contains(role)
            {
                counting.push(role.clone());
                open.extend(inherits.iter().rev());
            }
        }
        counting
    }

    /// The faults of granting these to somebody who holds others already.
    pub(in crate::auth) fn check_grant(&self, granted: &[String], held: &[String]) -> Vec<FieldError> {
        let new = granted.iter().enumerate().filter(|(_, role)| !held.contains(role));
        new.filter(|(_, role)| !self.0.contains_key(*role)).map(|(index, role)| unknown("roles", index, role)).collect()
    }

    pub(super) fn set(&mut self, role: &str, inherits: &[String]) {
        self.0.insert(role.to_owned(), inherits.iter().cloned().collect());
    }

    pub(super) fn remove(&mut self, role: &str) {
        self.0.remove(role);
    }

    /// One that inherits from the role.
    pub(super) fn heir(&self, role: &str) -> Option<&str> {
        self.0.iter().find(|(_, inherits)| inherits.contains(role)).map(|(name, _)| name.as_str())
    }

    /// What is wrong with a role that was set.
    pub(super) fn faults(&self, role: &str, inherits: &[String]) -> Vec<FieldError> {
        let missing = inherits.iter().enumerate().filter(|(_, parent)| !self.0.contains_key(*parent));
        let mut faults: Vec<FieldError> = missing.map(|(index, parent)| unknown("inherits", index, parent)).collect();
        if self.effective(inherits).iter().any(|reached| reached == role) {
            let message = format!("The role {role:?} inherits from itself.");
            faults.push(FieldError::new("/inherits", "circle", message));
        }
        if self.0.len() > MOST {
            faults.push(FieldError::new("", "too_many", format!("There are at most {MOST} roles.")));
        }
        faults
    }
}

fn unknown(member: &str, index: usize, role: &str) -> FieldError {
    FieldError::new(format!("/{member}/{index}"), "unknown_role", format!("There is no role {role:?}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn graph(roles: &[(&str, &[&str])]) -> Graph {
        let mut graph = Graph::default();
        for (role, inherits) in roles {
            graph.set(role, &names(inherits));
        }
        graph
    }

    #[test]
    fn what_is_inherited_counts_and_what_is_not_declared_does_not() {
        let graph = graph(&[("admin", &["editor"]), ("editor", &["viewer"]), ("viewer", &[]), ("other", &[])]);
        assert_eq!(graph.effective(&names(&["admin"])), ["admin", "editor", "viewer"]);
        assert_eq!(graph.effective(&names(&["gone", "viewer", "editor"])), ["viewer", "editor"]);
        assert!(graph.effective(&[]).is_empty());
    }

    #[test]
    fn circles_and_strangers_are_faults() {
        let graph = graph(&[("a", &["b"]), ("b", &["a"]), ("c", &["nobody"])]);
        assert_eq!(graph.faults("a", &names(&["b"]))[0].code, "circle");
        assert_eq!(graph.faults("c", &names(&["nobody"]))[0].code, "unknown_role");
        assert_eq!(graph.effective(&names(&["a"])), ["a", "b"], "and a circle ends all the same");
    }

    #[test]
    fn only_what_is_newly_granted_has_to_be_declared() {
        let graph = graph(&[("viewer", &[])]);
        assert!(graph.check_grant(&names(&["viewer", "old"]), &names(&["old"])).is_empty());
        assert_eq!(graph.check_grant(&names(&["viewer", "new"]), &[])[0].path, "/roles/1");
    }
}
