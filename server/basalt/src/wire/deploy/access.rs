//! Who can do what, before and after.

use std::collections::BTreeMap;

use basalt_data::rules::{Access, AccessChange, Reach};
use serde_json::Value;

use super::options::Kind;
use super::plan::{Breaking, word};

/// What changes of who can do what: `after` tells of the collections that are declared, `removed` names those that go.
pub(super) fn changes(before: &[Access], after: &[Access], removed: &[String]) -> (Vec<Value>, Vec<Breaking>) {
    let known: BTreeMap<(&str, &str), &Access> =
        before.iter().map(|access| ((access.collection.as_str(), access.op), access)).collect();
    let (mut changes, mut breaking) = (Vec::new(), Vec::new());
    for new in after {
        let old = known.get(&(new.collection.as_str(), new.op)).copied();
        let Some(change) = AccessChange::between(old.cloned(), Some(new.clone())) else { continue };
        changes.push(told(&change, of_collection(new)));
        breaking.extend(old.and_then(|old| broken(old, new)));
    }
    for old in before.iter().filter(|old| removed.contains(&old.collection)) {
        let change = AccessChange::between(Some(old.clone()), None);
        changes.extend(change.map(|change| told(&change, of_collection(old))));
    }
    (changes, breaking)
}

/// A change as plans tell it, with the thing that `acknowledge` names.
pub(super) fn told(change: &AccessChange, (kind, name): (Kind, &str)) -> Value {
    let mut value = change.to_json();
    value["thing"] = format!("{}:{name}", word(kind)).into();
    value
}

fn of_collection(access: &Access) -> (Kind, &str) {
    match access.collection.strip_prefix("buckets/") {
        Some(bucket) => (Kind::Bucket, bucket),
        None => (Kind::Collection, &access.collection),
    }
}

/// A rule that shows everybody what not everybody saw, or that takes away what somebody could do.
fn broken(old: &Access, new: &Access) -> Option<Breaking> {
    let of = |code, message: String| {
        let (kind, name) = of_collection(new);
        let path = match kind {
            Kind::Bucket => format!("/buckets/{name}/rules/{}", new.op),
            _ => format!("/collections/{name}/rules/{}", new.op),
        };
        Some(Breaking { kind, name: name.to_owned(), path, code, message })
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
