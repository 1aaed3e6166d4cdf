use basalt_app::triggers::Letter;
use basalt_core::Timestamp;
use basalt_data::events::Target;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Who was to take an event.
#[derive(Serialize, ToSchema)]
#[schema(as = EventTarget)]
pub(super) struct Taker {
    /// `function` or `webhook`.
    kind: &'static str,
    name: String,
}

impl From<Target> for Taker {
    fn from(target: Target) -> Self {
        Self { kind: target.kind.as_str(), name: target.name }
    }
}

/// Work that nobody tries any more.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub(super) struct Shown {
    id: String,
    /// What kind of work it was: `event/function/wordCount`, `schedule/nightly`, `task/report`.
    kind: String,
    /// Null where it was no event on its way to a target.
    target: Option<Taker>,
    /// The event, in a list without its documents; of other work what was to be done.
    #[schema(value_type = Object)]
    event: Value,
    attempts: u32,
    /// Of the last try.
    error: String,
    #[schema(value_type = String, format = DateTime)]
    enqueued_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    died_at: Timestamp,
}

impl From<Letter> for Shown {
    fn from(letter: Letter) -> Self {
        let Letter { id, kind, target, event, attempts, error, enqueued_at, died_at } = letter;
        Self { id: id.into(), kind, target: target.map(Taker::from), event, attempts, error, enqueued_at, died_at }
    }
}

impl Shown {
    /// As lists tell it: documents may be large.
    pub(super) fn in_short(letter: Letter) -> Self {
        let mut shown = Self::from(letter);
        if shown.target.is_some()
            && let Some(event) = shown.event.as_object_mut()
        {
            event.retain(|name, _| !matches!(name.as_str(), "doc" | "before"));
        } else {
            shown.event = json!({});
        }
        shown
    }
}
