//! The language, through its public interface.

#[cfg(test)]
mod equivalence;
#[cfg(test)]
mod evaluation;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod lowering;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod vectors;

#[cfg(test)]
mod support {
    use basalt_core::{CollectionName, DocumentId};
    use basalt_expr::{Expression, Found, Lookups, Scope, testkit::Times};
    use serde_json::Value;

    /// Everything but bare fields and lowering.
    pub(crate) fn rule() -> Scope {
        Scope {
            auth: true,
            request: true,
            doc: true,
            next: true,
            vars: true,
            params: true,
            lookups: true,
            unchanged: true,
            limit: true,
            ..Scope::default()
        }
    }

    pub(crate) fn list_rule() -> Scope {
        Scope { auth: true, request: true, doc: true, vars: true, lookups: true, lowered: true, ..Scope::default() }
    }

    pub(crate) fn filter() -> Scope {
        Scope { bare_fields: true, ..list_rule() }
    }

    pub(crate) fn compile(source: &str, scope: &Scope) -> Expression {
        match Expression::compile(source, scope, &Times) {
            Ok(expression) => expression,
            Err(faults) => panic!("{source}: {faults:?}"),
        }
    }

    /// Documents by collection and id; what isn't named is missing, unless nothing is read yet.
    pub(crate) struct Library {
        pub(crate) documents: Vec<(&'static str, &'static str, Value)>,
        pub(crate) is_read: bool,
    }

    impl Lookups for Library {
        fn find(&self, collection: &CollectionName, id: &DocumentId) -> Found<'_> {
            if !self.is_read {
                return Found::Unknown;
            }
            let found = self.documents.iter().find(|(c, d, _)| *c == collection.as_str() && *d == id.as_str());
            found.map_or(Found::Missing, |(_, _, document)| Found::Document(document))
        }
    }
}
