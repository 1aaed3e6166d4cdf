//! Which names and fields an expression reads.

use basalt_core::{CollectionName, FieldPath};

use crate::tree::{Kind, Macro, MacroKind, Name, Node};

/// The paths of `doc` that are read; `None`: all of it.
pub(crate) fn doc_fields(root: &Node) -> Option<Vec<FieldPath>> {
    let mut found = Vec::new();
    read(root, &mut found)?;
    Some(paths(found))
}

/// Fields of `doc` that are compared by `==` with something that isn't of `doc`, tested by `in`, or stand as conditions.
pub(crate) fn equality_fields(root: &Node) -> Vec<FieldPath> {
    let mut found = Vec::new();
    condition(root, &mut found);
    visit(root, &mut |node| match &node.kind {
        Kind::Equal { sides, .. } | Kind::In(sides) if !sides[1].open => found.extend(field(&sides[0])),
        Kind::Equal { sides, .. } if !sides[0].open => found.extend(field(&sides[1])),
        Kind::In(sides) if !sides[0].open => {
            if let Kind::List(items) = &sides[1].kind {
                found.extend(items.iter().filter_map(field));
            }
        }
        _ => {}
    });
    paths(found)
}

/// Lists of `doc` that are asked by `x in doc.list` or `doc.list.exists(e, e == x)`.
pub(crate) fn contains_fields(root: &Node) -> Vec<FieldPath> {
    let mut found = Vec::new();
    visit(root, &mut |node| match &node.kind {
        Kind::In(sides) if !sides[0].open => found.extend(field(&sides[1])),
        Kind::Macro(of) if asks_for_an_element(of) => found.extend(field(&of.range)),
        _ => {}
    });
    paths(found)
}

/// `list.exists(e, e == x)`, where `x` is of neither the document nor an element.
fn asks_for_an_element(of: &Macro) -> bool {
    let Macro { kind: MacroKind::Exists, body, .. } = of else { return false };
    let Kind::Equal { sides, negated: false } = &body.kind else { return false };
    let is_element = |node: &Node| matches!(node.kind, Kind::Variable(0));
    let is_fixed = |node: &Node| {
        let mut fixed = !node.open;
        visit(node, &mut |part| fixed &= !matches!(part.kind, Kind::Variable(_)));
        fixed
    };
    (is_element(&sides[0]) && is_fixed(&sides[1])) || (is_element(&sides[1]) && is_fixed(&sides[0]))
}

/// The places in `auth` that are read, each as the names that lead there.
pub(crate) fn auth_paths(root: &Node) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    visit(root, &mut |node| found.extend(auth_path(node).filter(|path| !path.is_empty())));
    found.sort();
    found.dedup();
    found
}

fn auth_path(node: &Node) -> Option<Vec<String>> {
    match &node.kind {
        Kind::Name(Name::Auth) => Some(Vec::new()),
        Kind::Select { of, name } => {
            let mut path = auth_path(of)?;
            path.push(name.to_string());
            Some(path)
        }
        _ => None,
    }
}

/// The text constants.
pub(crate) fn texts(root: &Node) -> Vec<&str> {
    let mut found = Vec::new();
    visit(root, &mut |node| found.extend(node.constant_text()));
    found
}

/// Fields whose distance from a point is asked for.
pub(crate) fn distance_fields(root: &Node) -> Vec<FieldPath> {
    let mut found = Vec::new();
    visit(root, &mut |node| {
        if let Kind::Distance(sides) = &node.kind {
            found.extend(sides.iter().filter_map(field));
        }
    });
    paths(found)
}

/// `auth`, `request`, `doc`, `next`, `vars`, `params`, `event`, `data`, `input`, in this order, where they are used.
pub(crate) fn names(root: &Node) -> Vec<&'static str> {
    const NAMES: [&str; 9] = ["auth", "request", "doc", "next", "vars", "params", "event", "data", "input"];
    let mut used = [false; 9];
    visit(root, &mut |node| match &node.kind {
        Kind::Name(Name::Auth) => used[0] = true,
        Kind::Request(_) => used[1] = true,
        Kind::Name(Name::Doc) => used[2] = true,
        Kind::Name(Name::Next) => used[3] = true,
        Kind::Name(Name::Vars) => used[4] = true,
        Kind::Name(Name::Params) => used[5] = true,
        Kind::Name(Name::Event) => used[6] = true,
        Kind::Name(Name::Data) => used[7] = true,
        Kind::Name(Name::Input) => used[8] = true,
        Kind::Unchanged(_) => (used[2], used[3]) = (true, true),
        _ => {}
    });
    NAMES.into_iter().zip(used).filter(|(_, is_used)| *is_used).map(|(name, _)| name).collect()
}

/// The collections that `get()` and `exists()` name.
pub(crate) fn looked_up(root: &Node) -> Vec<&CollectionName> {
    let mut found = Vec::new();
    visit(root, &mut |node| match &node.kind {
        Kind::Get { collection, .. } | Kind::Exists { collection, .. } => found.push(collection),
        _ => {}
    });
    found.sort();
    found.dedup();
    found
}

fn visit<'n>(node: &'n Node, see: &mut impl FnMut(&'n Node)) {
    see(node);
    for child in node.children() {
        visit(child, see);
    }
}

fn field(node: &Node) -> Option<Vec<String>> {
    node.doc_path().filter(|path| !path.is_empty())
}

/// A field that is itself a condition, as in `doc.public || …`.
fn condition(node: &Node, found: &mut Vec<Vec<String>>) {
    match &node.kind {
        Kind::And(parts) | Kind::Or(parts) => parts.iter().for_each(|part| condition(part, found)),
        Kind::Not(of) => condition(of, found),
        Kind::Ternary(parts) => parts.iter().for_each(|part| condition(part, found)),
        _ => found.extend(field(node)),
    }
}

fn read(node: &Node, found: &mut Vec<Vec<String>>) -> Option<()> {
    if let Some(path) = node.doc_path() {
        if path.is_empty() {
            return None;
        }
        found.push(path);
        return Some(());
    }
    match &node.kind {
        Kind::Has { of, name } => match of.doc_path() {
            Some(mut path) => {
                path.push(name.to_string());
                found.push(path);
                Some(())
            }
            None => read(of, found),
        },
        // `'name' in doc` asks for one field.
        Kind::In(sides) if matches!(sides[1].kind, Kind::Name(Name::Doc)) => {
            found.push(vec![sides[0].constant_text()?.to_owned()]);
            Some(())
        }
        Kind::Unchanged(paths) => {
            found.extend(paths.iter().map(|path| path.names().to_vec()));
            Some(())
        }
        _ => node.children().into_iter().try_for_each(|child| read(child, found)),
    }
}

fn paths(mut found: Vec<Vec<String>>) -> Vec<FieldPath> {
    found.sort();
    found.dedup();
    found.into_iter().map(FieldPath::from_names).collect()
}
