//! What rooms use that write documents of their own collections.

use basalt_core::{Rev, Timestamp};
use basalt_data::documents::PatchBody;
use basalt_data::documents::built_in::{Stamp, create, own_fields, patch_own, set};
use serde_json::json;

use crate::world::*;

fn stamp(rev: &str, now: &str) -> Stamp {
    Stamp { rev: Rev::parse(rev).unwrap(), now: Timestamp::parse(now).unwrap() }
}

#[tokio::test]
async fn documents_of_rooms_are_checked_like_others() {
    let schema = json!({"type": "object", "required": ["displayName"], "properties": {
        "displayName": {"type": "string"}, "born": {"type": "string", "format": "date-time"}}});
    both(json!({"users": {"schema": schema}}), |world| async move {
        let users = world.collections.get(&name("users")).unwrap();
        let given = object(json!({"displayName": "A", "id": "mine", "rev": "x"}));
        assert_eq!(json!(own_fields(&users, given).unwrap()), json!({"displayName": "A"}));
        let roles = object(json!({"roles": ["admin"], "displayName": "A"}));
        assert_eq!(refusal(own_fields(&users, roles)), "403 field_protected");

        let first = stamp("r1", "2026-01-02T00:00:00Z");
        let nameless = create(&users, id_of("u"), object(json!({"email": "a@example.org"})), &first);
        assert_eq!(refusal(nameless), "422 schema_violation");
        let data = object(json!({"email": "a@example.org", "displayName": "A", "born": "2000-01-01T01:00:00+01:00"}));
        let user = create(&users, id_of("u"), data, &first).unwrap();
        assert_eq!(user.data["born"], "2000-01-01T00:00:00.000Z");

        let before = stamp("r2", "2026-01-01T00:00:00Z");
        let fields = [("email".to_owned(), None), ("roles".to_owned(), Some(json!(["member"])))];
        let changed = set(&users, &user, fields, &before).unwrap();
        assert_eq!((changed.rev.as_str(), changed.updated_at), ("r2", user.created_at));
        assert!(!changed.data.contains_key("email"));

        let patch = |patch| patch_own(&users, &user, PatchBody::Merge(object(patch)), &before);
        assert_eq!(patch(json!({"displayName": "B"})).unwrap().data["displayName"], "B");
        assert_eq!(refusal(patch(json!({"displayName": 7}))), "422 schema_violation");
        assert_eq!(refusal(patch(json!({"email": null}))), "403 field_protected");
        assert_eq!(refusal(patch(json!({"roles": {"$append": ["admin"]}}))), "403 field_protected");
        assert_eq!(refusal(patch(json!({"id": "other"}))), "400 id_mismatch");
    })
    .await;
}
