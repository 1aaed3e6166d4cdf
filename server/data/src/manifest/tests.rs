use std::time::Duration;

use super::*;

/// Files by their names.
struct InMemory(&'static [(&'static str, &'static str)]);

impl Files for InMemory {
    fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "there is no such file".to_owned())
    }

    fn list(&self, folder: &str, _: usize) -> Result<Vec<String>, String> {
        let below = |path: &&str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        Ok(self.0.iter().map(|(path, _)| *path).filter(below).map(str::to_owned).collect())
    }
}

fn names(name: &str) -> Option<String> {
    (name == "LIFE").then(|| "10m".to_owned())
}

fn read_text(text: &str) -> Result<Manifest> {
    let files = InMemory(&[
        ("schemas/note.json", r#"{"type":"object"}"#),
        ("schemas/broken.json", "{"),
        ("functions/add.ts", "x"),
    ]);
    read(text, &files, &names)
}

/// `line:column code` of each problem.
fn problems(text: &str) -> Vec<String> {
    let error = read_text(text).unwrap_err();
    let told = |fault: &basalt_core::FieldError| {
        format!("{}:{} {}", fault.line.unwrap_or(0), fault.column.unwrap_or(0), fault.code)
    };
    error.errors().iter().map(told).collect()
}

#[test]
fn settings_are_typed() {
    let manifest = read_text(
        r#"
        [auth]
        signUp = true
        accessTokenLife = "${LIFE}"
        passwordMinLength = 12
        [auth.limits]
        signUpsPerHour = 7
        [cors]
        origins = ["https://example.com", "http://localhost:*"]
        [limits]
        body = "2MB"
        [roles.editor]
        description = "Edits"
        [roles.chief]
        inherits = ["editor"]
        "#,
    )
    .unwrap();
    assert_eq!(manifest.auth.sign_up, Some(true));
    assert_eq!(manifest.auth.anonymous, None);
    assert_eq!(manifest.auth.access_token_life, Some(Duration::from_mins(10)));
    assert_eq!(manifest.auth.password_min_length, Some(12));
    assert_eq!(manifest.auth.limits.sign_ups_per_hour, Some(7));
    assert_eq!(manifest.cors.origins.unwrap().len(), 2);
    assert_eq!(manifest.limits.body, Some(2 << 20));
    assert_eq!(manifest.roles["chief"].inherits, ["editor"]);
}

#[test]
fn every_problem_is_told_with_its_line_and_column() {
    let text = r#"[auth]
signup = true
accessTokenLife = "soon"
passwordMinLength = 1
requireVerifiedEmail = true
[auth.providers.google]
clientId = "${MISSING}"
[cors]
origins = ["*", "https://a.b/c"]
[roles.a]
inherits = ["b", "c"]
[roles.b]
inherits = ["a"]
[messaging.smtp]
[nonsense]
"#;
    assert_eq!(
        problems(text),
        [
            "2:1 unknown_field",
            "3:19 bad_duration",
            "4:21 out_of_range",
            "5:1 not_available",
            "6:7 not_available",
            "7:12 unknown_name",
            "9:12 bad_origin",
            "9:17 bad_origin",
            "11:12 circle",
            "11:18 unknown_role",
            "13:12 circle",
            "14:2 not_available",
            "15:2 unknown_field",
        ]
    );
}

#[test]
fn sections_of_later_versions_are_said_to_be_later() {
    let error = read_text("[messaging.smtp]\nhost = \"example.org\"\n").unwrap_err();
    assert_eq!(error.code(), Code::NotAvailable);
    assert_eq!(error.errors()[0].line, Some(1));
    assert_eq!(problems("[collections.a]\nsoftDelete = true\n"), ["2:1 not_available"]);
    assert_eq!(
        problems("[collections.a.references]\nx = { to = \"a\", onDelete = \"explode\" }\n"),
        ["2:28 bad_reference"]
    );
}

#[test]
fn buckets_are_of_the_collection_files() {
    let manifest = read_text(
        "[collections.files]\nhistory = true\n[buckets.images]\nmaxSize = \"1MB\"\n[buckets.images.rules]\nread = \"true\"\n",
    )
    .unwrap();
    let expected = serde_json::json!({
        "history": true, "buckets": {"images": {"maxSize": "1048576B", "rules": {"get": "true", "list": "true"}}},
    });
    assert_eq!(manifest.collections[0].to_json(), expected);
    assert_eq!(problems("[buckets.images.rules]\nread = \"auth.id = 1\"\n"), ["2:17 bad_expression"]);
    assert_eq!(problems("[buckets.images]\nmaxSize = 10\n"), ["2:11 wrong_type"]);
}

#[test]
fn collections_are_read_with_their_schema_files() {
    let manifest = read_text(
        r#"
        [collections.notes]
        schema = "schemas/note.json"
        indexes = [{ fields = ["owner", "-updatedAt"] }, { fields = "slug", unique = true }, { contains = "tags" }]
        references = { owner = "users" }
        hidden = ["secret"]
        "#,
    )
    .unwrap();
    let expected = serde_json::json!({
        "schema": {"type": "object"},
        "indexes": [
            {"fields": ["owner", "-updatedAt"]}, {"fields": ["slug"], "unique": true}, {"contains": "tags"},
        ],
        "references": {"owner": "users"},
        "hidden": ["secret"],
    });
    assert_eq!(manifest.collections[0].to_json(), expected);
    let again = Definition::parse(&manifest.collections[0].name, &expected).unwrap();
    assert_eq!(again, manifest.collections[0]);
}

#[test]
fn bad_collections_are_refused_at_their_place() {
    let text = r#"[collections._system]
[collections.a]
schema = "schemas/broken.json"
[collections.b]
schema = "../outside.json"
[collections.c]
indexes = [{ fields = [] }, { field = "x" }, { contains = "a", unique = true }, { fields = ["a", "-a"] }]
[collections.d]
schema = { type = "nonsense" }
acknowledge = ["read"]
hidden = ["id"]
[collections.e.rules]
read = "true"
get = "true"
write = 1
fetch = "true"
"#;
    assert_eq!(
        problems(text),
        [
            "1:14 bad_name",
            "3:10 bad_json",
            "5:10 bad_file",
            "7:12 bad_index",
            "7:29 bad_index",
            "7:31 unknown_field",
            "7:46 bad_index",
            "7:98 bad_index",
            "9:19 bad_schema",
            "10:16 bad_acknowledge",
            "11:11 bad_field_name",
            "13:8 ambiguous",
            "15:9 wrong_type",
            "16:1 unknown_field",
        ]
    );
}

#[test]
fn the_example_is_a_good_manifest() {
    use crate::collections::{Builtin, Builtins, OwnedRead, review};
    use crate::rules::RuleOp;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/movies");
    let manifest = read_folder(&folder, &|_| None).unwrap();
    let users = Builtin {
        name: CollectionName::parse("users").unwrap(),
        indexes: Vec::new(),
        owned_fields: vec!["email".into()],
        owned_read: OwnedRead::Nobody,
        ruled: vec![RuleOp::Get, RuleOp::List, RuleOp::Update],
    };
    let reviewed = review(&manifest.collections, &Builtins::new([users])).unwrap();
    assert_eq!(reviewed.refusals, [], "nothing in it has to be acknowledged");
    assert!(!reviewed.access.is_empty());
}

#[test]
fn functions_schedules_and_webhooks_are_typed() {
    let manifest = read_text(
        r#"
        [functions.rules]
        invoke = "auth != null && '${' != ''"
        [functions.env]
        LIFE = "${LIFE}"
        [functions.egress]
        allow = ["API.example.com", "*.example.org"]
        [functions.limits]
        timeout = "2s"
        memory = "32MB"
        [functions.thumb]
        url = "https://thumbs.example.com/make"
        secret = "${LIFE}"
        kind = "onFile"
        bucket = "images"
        on = ["create"]
        when = "doc.size > 3"
        input = "schemas/note.json"
        [schedules.nightly]
        cron = "0 3 * * *"
        timezone = "Asia/Shanghai"
        function = "cleanup"
        catchUp = "none"
        [webhooks.crm]
        url = "https://crm.example.com/in"
        events = "collection == 'orders' && op == 'create'"
        headers = { X-Tenant = "${LIFE}" }
        "#,
    )
    .unwrap();
    let functions = &manifest.functions;
    assert_eq!(functions.invoke.as_deref(), Some("auth != null && '${' != ''"));
    assert_eq!(functions.env["LIFE"], "10m");
    let allow = functions.egress.allow.as_deref().unwrap();
    assert_eq!((allow, functions.egress.private), (&["api.example.com".into(), "*.example.org".into()][..], false));
    assert_eq!((functions.limits.timeout, functions.limits.memory), (Some(Duration::from_secs(2)), Some(32 << 20)));
    let thumb = &functions.declared["thumb"];
    assert_eq!((thumb.kind.as_str(), thumb.subject.as_deref()), ("onFile", Some("images")));
    assert_eq!(thumb.remote.as_ref().unwrap().secret.as_deref(), Some("${LIFE}"));
    let options = serde_json::json!({"on": ["create"], "when": "doc.size > 3", "input": {"type": "object"}});
    assert_eq!(Value::Object(thumb.options.clone()), options);
    let nightly = &manifest.schedules["nightly"];
    assert_eq!((nightly.catch_up, nightly.overlap, nightly.enabled), (CatchUp::None, Overlap::Skip, true));
    assert_eq!(manifest.webhooks["crm"].headers["x-tenant"], "10m");
    assert_eq!(manifest.sources.keys().collect::<Vec<_>>(), ["functions/add.ts"]);
    assert_eq!(names_in("a = \"${LIFE} ${X_1} ${not this}\""), ["LIFE".to_owned(), "X_1".to_owned()].into());
}

#[test]
fn what_is_wrong_with_functions_schedules_and_webhooks_is_told_at_its_place() {
    let text = r#"[functions.limits]
memory = "2TB"
[functions.env]
2x = "a"
[functions.egress]
allow = ["https://example.com"]
[functions.bad-name]
[functions.a]
kind = "onDocument"
bucket = "images"
secret = "s"
nonsense = 1
[schedules.nightly]
cron = "0 3 * * *"
overlap = "maybe"
[webhooks."a b"]
[webhooks.crm]
url = "ftp://example.com"
"#;
    assert_eq!(
        problems(text),
        [
            "2:10 bad_size",
            "4:1 bad_name",
            "6:10 bad_host",
            "7:12 bad_name",
            "8:1 missing",
            "10:10 not_of_this_kind",
            "11:10 without_url",
            "12:1 unknown_field",
            "13:1 missing",
            "15:11 unknown_choice",
            "16:11 bad_name",
            "18:7 bad_url",
        ]
    );
}

#[test]
fn faults_that_others_find_are_located_in_the_manifest_and_those_of_code_in_their_file() {
    let text = "[functions.rules]\ninvoke = \"auth.nope\"\n";
    let manifest = read_text(text).unwrap();
    let at = |path: &str, line, column| FieldError {
        line: Some(line),
        column: Some(column),
        ..FieldError::new(path, "bad_expression", "")
    };
    let error = Error::new(Code::InvalidDefinition, "no")
        .with_errors(vec![at("/functions/rules/invoke", 1, 6), at("/functions/add.ts", 7, 3)]);
    let located = locate(text, &manifest, error);
    let places: Vec<_> = located.errors().iter().map(|f| (file_of(f, &manifest), f.line, f.column)).collect();
    assert_eq!(places, [(Some("functions/add.ts"), Some(7), Some(3)), (None, Some(2), Some(16))]);
}
