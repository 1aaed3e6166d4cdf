//! How who can do something changes.

use serde_json::{Value, json};

use super::access::{Access, Reach};

/// One operation, before and after; `None` where there is nothing to do it to.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessChange {
    before: Option<Access>,
    after: Option<Access>,
}

impl AccessChange {
    /// `None` where it stays as it is; what nobody could do, and nobody can, is no news.
    pub fn between(before: Option<Access>, after: Option<Access>) -> Option<Self> {
        let is_nobodys = |access: Option<&Access>| access.is_none_or(|access| access.rule.is_none());
        let stays = before == after || (is_nobodys(before.as_ref()) && is_nobodys(after.as_ref()));
        (!stays).then_some(Self { before, after })
    }

    pub fn before(&self) -> Option<&Access> {
        self.before.as_ref()
    }

    pub fn after(&self) -> Option<&Access> {
        self.after.as_ref()
    }

    /// Whether everybody can who couldn't before, or not always.
    pub fn is_opened_to_all(&self) -> bool {
        self.after.as_ref().is_some_and(|after| after.visitor == Reach::Always)
            && self.before.as_ref().is_none_or(|before| before.visitor != Reach::Always)
    }

    /// `opened`: some can do more, and nobody less; `closed`: the other way round; `changed`: neither can be said.
    pub fn word(&self) -> &'static str {
        let (before, after) = (reach(self.before.as_ref()), reach(self.after.as_ref()));
        match (is_wider(before, after), is_wider(after, before)) {
            (true, false) => "opened",
            (false, true) => "closed",
            _ => "changed",
        }
    }

    /// As plans tell it.
    pub fn to_json(&self) -> Value {
        let told =
            |access: &Access| json!({ "visitor": access.visitor, "signedIn": access.signed_in, "rule": access.rule });
        let (before, after) = (self.before(), self.after());
        let named = after.or(before);
        json!({
            "collection": named.map(|access| &access.collection), "op": named.map(|access| access.op),
            "change": self.word(), "before": before.map(told), "after": after.map(told),
        })
    }
}

fn reach(access: Option<&Access>) -> (Reach, Reach) {
    access.map_or((Reach::Never, Reach::Never), |access| (access.visitor, access.signed_in))
}

/// Whether somebody can do more.
fn is_wider(before: (Reach, Reach), after: (Reach, Reach)) -> bool {
    after.0 > before.0 || after.1 > before.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access((visitor, signed_in): (Reach, Reach), rule: Option<&str>) -> Access {
        Access { collection: "notes".into(), op: "get", visitor, signed_in, rule: rule.map(str::to_owned) }
    }

    fn between(before: Option<&Access>, after: Option<&Access>) -> Option<AccessChange> {
        AccessChange::between(before.cloned(), after.cloned())
    }

    #[test]
    fn a_change_opens_or_closes_or_is_only_another_rule() {
        use Reach::{Always, Depends, Never};
        let word = |before, after| between(before, after).map(|change| change.word());
        let (own, members) = (access((Never, Depends), Some("a")), access((Never, Depends), Some("b")));
        let (all, nobody) = (access((Always, Always), Some("true")), access((Never, Never), None));
        let (some, others) = (access((Always, Depends), Some("c")), access((Depends, Always), Some("d")));
        assert_eq!(word(Some(&own), Some(&all)), Some("opened"));
        assert_eq!(word(None, Some(&all)), Some("opened"));
        assert_eq!(word(Some(&all), Some(&own)), Some("closed"));
        assert_eq!(word(Some(&all), None), Some("closed"));
        assert_eq!(word(Some(&own), Some(&members)), Some("changed"));
        assert_eq!(word(Some(&some), Some(&others)), Some("changed"));
        for (before, after) in [(None, Some(&nobody)), (Some(&nobody), None), (Some(&own), Some(&own))] {
            assert_eq!(word(before, after), None);
        }
    }

    #[test]
    fn what_everybody_can_who_could_not_before_is_opened_to_all() {
        use Reach::{Always, Depends, Never};
        let (all, some) = (access((Always, Always), Some("true")), access((Never, Depends), Some("a")));
        let is_opened = |before, after| between(before, after).is_some_and(|change| change.is_opened_to_all());
        assert!(is_opened(Some(&some), Some(&all)) && is_opened(None, Some(&all)));
        assert!(!is_opened(Some(&all), Some(&some)) && !is_opened(Some(&all), None) && !is_opened(None, Some(&some)));
        let other = access((Always, Always), Some("1 == 1"));
        assert!(!is_opened(Some(&all), Some(&other)), "it was open already");
    }
}
