//! `select` and `expand`, read against the references of the collections.

use std::collections::BTreeMap;

use basalt_core::{Code, CollectionName, Error, FieldError, FieldPath, Result};
use serde_json::{Map, Value};

use super::select::Selection;
use crate::collections::{Collections, Compiled, Link};
use crate::documents::input::Show;

/// Paths of one `expand`.
const PATHS_MAX: usize = 30;
/// Links one after the other.
const DEPTH_MAX: usize = 3;

/// What an answer shows of each document.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    selection: Option<Selection>,
    links: Vec<Followed>,
}

/// A link that is followed, and what is shown of what it leads to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Followed {
    /// The reference's path or the back reference's name.
    pub key: String,
    pub target: Target,
    pub shape: Shape,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// The documents whose ids are held at `path`.
    Forward { path: FieldPath, to: CollectionName },
    /// The documents of `collection` that hold the document's id at `path`.
    Inverse { collection: CollectionName, path: FieldPath },
}

impl Shape {
    /// All of a document, and nothing else.
    pub(crate) fn whole() -> Self {
        Self::default()
    }

    pub(crate) fn compile(collections: &Collections, of: &Compiled, show: &Show) -> Result<Self> {
        if show.expand.len() > PATHS_MAX {
            return Err(bad_expand(format!("expand names at most {PATHS_MAX} paths.")));
        }
        let mut draft = Draft::default();
        for text in &show.expand {
            let path = FieldPath::parse(text).map_err(|_| bad_expand(format!("{text:?} is not a path.")))?;
            draft.expand(collections, of, path.names(), text)?;
        }
        if let Some(names) = &show.select {
            Selection::check_count(names)?;
            draft.selected = Some(Vec::new());
            for text in names {
                draft.select(collections, of, Selection::parse_path(text)?.names(), text)?;
            }
        }
        draft.finish(DEPTH_MAX)
    }

    /// Whether it is all of a document and nothing else.
    pub(crate) fn is_whole(&self) -> bool {
        *self == Self::whole()
    }

    pub(super) fn links(&self) -> &[Followed] {
        &self.links
    }

    /// Whether it leads to other documents.
    pub(crate) fn follows(&self) -> bool {
        !self.links.is_empty()
    }

    /// Whether a field was asked for by name.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.selection.as_ref().is_some_and(|selection| selection.names(field))
    }

    /// Whether fields were chosen.
    pub(crate) fn selects(&self) -> bool {
        self.selection.is_some()
    }

    /// The wanted fields of a document that others use, too.
    pub(crate) fn pick(&self, flat: &Map<String, Value>) -> Map<String, Value> {
        match &self.selection {
            Some(selection) => selection.pick(flat),
            None => flat.clone(),
        }
    }

    /// The wanted fields.
    pub(crate) fn narrow(&self, flat: Map<String, Value>) -> Map<String, Value> {
        match &self.selection {
            Some(selection) => selection.apply(flat),
            None => flat,
        }
    }
}

/// A shape that grows path by path.
#[derive(Default)]
struct Draft {
    selected: Option<Vec<Vec<String>>>,
    links: BTreeMap<String, (Target, Draft)>,
}

impl Draft {
    fn expand(&mut self, collections: &Collections, of: &Compiled, names: &[String], text: &str) -> Result<()> {
        let unknown = || bad_expand(format!("{text:?} is not the path of a reference."));
        let (link, taken) = of.definition.link(names).ok_or_else(unknown)?;
        let (to, next) = self.follow(link);
        let rest = &names[taken..];
        if rest.is_empty() {
            return Ok(());
        }
        let to = collections.get(&to).map_err(|_| unknown())?;
        next.expand(collections, &to, rest, text)
    }

    /// A path through a reference narrows what it leads to.
    fn select(&mut self, collections: &Collections, of: &Compiled, names: &[String], text: &str) -> Result<()> {
        let selected = self.selected.get_or_insert_default();
        match of.definition.link(names) {
            Some((link, taken)) if taken < names.len() => {
                let (to, next) = self.follow(link);
                let unknown = |_| bad_expand(format!("{text:?} leads to no collection."));
                let to = collections.get(&to).map_err(unknown)?;
                next.select(collections, &to, &names[taken..], text)
            }
            _ => {
                selected.push(names.to_vec());
                Ok(())
            }
        }
    }

    fn follow(&mut self, link: Link<'_>) -> (CollectionName, &mut Self) {
        let (key, target) = match link {
            Link::Reference(path, reference) => {
                (path.to_string(), Target::Forward { path: path.clone(), to: reference.to.clone() })
            }
            Link::Inverse(name, inverse) => {
                let (collection, path) = (inverse.collection.clone(), inverse.path.clone());
                (name.to_owned(), Target::Inverse { collection, path })
            }
        };
        let (target, next) = self.links.entry(key).or_insert_with(|| (target, Self::default()));
        (target.collection().clone(), next)
    }

    fn finish(self, depth: usize) -> Result<Shape> {
        if depth == 0 && !self.links.is_empty() {
            return Err(bad_expand(format!("expand follows at most {DEPTH_MAX} references one after the other.")));
        }
        let selection = self.selected.map(|paths| Selection::of(paths.iter().map(Vec::as_slice)));
        let links = self
            .links
            .into_iter()
            .map(|(key, (target, draft))| Ok(Followed { key, target, shape: draft.finish(depth.saturating_sub(1))? }));
        Ok(Shape { selection, links: links.collect::<Result<_>>()? })
    }
}

impl Target {
    pub(super) fn collection(&self) -> &CollectionName {
        match self {
            Self::Forward { to, .. } => to,
            Self::Inverse { collection, .. } => collection,
        }
    }
}

fn bad_expand(detail: String) -> Error {
    let fault = FieldError::new("/expand", "bad_expand", detail.clone());
    Error::new(Code::BadParameter, detail).with_errors(vec![fault])
}
