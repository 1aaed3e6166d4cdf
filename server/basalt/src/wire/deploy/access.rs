//! Who can do what, before and after.

use std::collections::BTreeMap;

use basalt_data::rules::{Access, Reach};
use serde_json::{Value, json};

use super::options::Kind;
use super::plan::Breaking;

/// What changes of who can do what: `after` tells of the collections that are declared, `removed` names those that go.
pub(super) fn changes(before: &[Access], after: &[Access], removed: &[String]) -> (Vec<Value>, Vec<Breaking>) {
    let known: BTreeMap<(&str, &str), &Access> =
        before.iter().map(|access| ((access.collection.as_str(), access.op), access)).collect();
    let (mut changes, mut breaking) = (Vec::new(), Vec::new());
    for new in after {
        let old = known.get(&(new.collection.as_str(), new.op)).copied();
        let same = old.is_some_and(|old| old == new);
        // What nobody could do, and nobody can, is no news.
        let nothing = old.is_none_or(|old| old.rule.is_none()) && new.rule.is_none();
        if same || nothing {
            continue;
        }
        changes.push(change(old, Some(new)));
        breaking.extend(old.and_then(|old| broken(old, new)));
    }
    for old in before.iter().filter(|old| removed.contains(&old.collection) && old.rule.is_some()) {
        changes.push(change(Some(old), None));
    }
    (changes, breaking)
}

fn change(old: Option<&Access>, new: Option<&Access>) -> Value {
    let named = new.or(old);
    let told = |access: Option<&Access>| {
        access.map(|access| json!({ "visitor": access.visitor, "signedIn": access.signed_in, "rule": access.rule }))
    };
    let change = match (old.map(reach), new.map(reach)) {
        (Some(before), Some(after)) if wider(before, after) && !wider(after, before) => "opened",
        (Some(before), Some(after)) if wider(after, before) && !wider(before, after) => "closed",
        (None, Some(after)) if after != (Reach::Never, Reach::Never) => "opened",
        (Some(before), None) if before != (Reach::Never, Reach::Never) => "closed",
        _ => "changed",
    };
    json!({
        "collection": named.map(|access| &access.collection), "op": named.map(|access| access.op),
        "change": change, "before": told(old), "after": told(new),
    })
}

fn reach(access: &Access) -> (Reach, Reach) {
    (access.visitor, access.signed_in)
}

/// Whether somebody can do more.
fn wider(before: (Reach, Reach), after: (Reach, Reach)) -> bool {
    after.0 > before.0 || after.1 > before.1
}

/// A rule that shows everybody what not everybody saw, or that takes away what somebody could do.
fn broken(old: &Access, new: &Access) -> Option<Breaking> {
    let of = |code, message: String| {
        let (kind, name) = match new.collection.strip_prefix("buckets/") {
            Some(bucket) => (Kind::Bucket, bucket.to_owned()),
            None => (Kind::Collection, new.collection.clone()),
        };
        let path = match kind {
            Kind::Bucket => format!("/buckets/{name}/rules/{}", new.op),
            _ => format!("/collections/{name}/rules/{}", new.op),
        };
        Some(Breaking { kind, name, path, code, message })
    };
    // Writes that become everybody's are asked about by the plan of collections itself.
    let is_read = ["get", "list"].contains(&new.op);
    if is_read && new.visitor == Reach::Always && old.visitor != Reach::Always {
        return of("access_opened", format!("From now on everybody may {} these, without signing in.", new.op));
    }
    let less = new.visitor < old.visitor || new.signed_in < old.signed_in;
    less.then(|| of("access_closed", format!("Who may {} these so far may no longer, or not always.", new.op)))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(op: &'static str, visitor: Reach, signed_in: Reach, rule: Option<&str>) -> Access {
        Access { collection: "notes".into(), op, visitor, signed_in, rule: rule.map(str::to_owned) }
    }

    #[test]
    fn only_what_changes_is_told_and_what_breaks_is_marked() {
        use Reach::{Always, Depends, Never};
        let before = [
            access("get", Never, Depends, Some("auth.id == doc.owner")),
            access("list", Always, Always, Some("true")),
            access("create", Never, Always, Some("auth != null")),
            access("update", Never, Depends, Some("a")),
            access("delete", Never, Never, None),
        ];
        let after = [
            access("get", Always, Always, Some("true")),
            access("list", Always, Always, Some("true")),
            access("create", Never, Never, None),
            access("update", Never, Depends, Some("b")),
            access("delete", Never, Never, None),
        ];
        let (changes, breaking) = changes(&before, &after, &[]);
        let told: Vec<_> = changes.iter().map(|change| (change["op"].as_str(), change["change"].as_str())).collect();
        assert_eq!(
            told,
            [(Some("get"), Some("opened")), (Some("create"), Some("closed")), (Some("update"), Some("changed")),]
        );
        let codes: Vec<_> = breaking.iter().map(|breaking| breaking.code).collect();
        assert_eq!(codes, ["access_opened", "access_closed"]);
    }
}
