use basalt_testing::{TestServer, on_both_engines};
use serde_json::json;

use super::{changes, sent};
use crate::functions::support::{function, invoke};

on_both_engines! {
    functions_come_with_the_app_and_each_version_once,
    faults_have_their_file_line_and_column_and_nothing_is_changed,
    secrets_fill_the_manifest_in,
    a_function_that_breaks_its_callers_is_marked,
    a_function_may_be_about_a_collection_of_the_same_deploy,
}

const ADD: &str = "import { callable } from \"basalt:functions\";\n\
                   import { plus } from \"./lib/plus.ts\";\n\
                   export const add = callable({ invoke: \"true\" }, async (input: { a: number; b: number }) => \
                   ({ sum: plus(input.a, input.b) }));\n";
const PLUS: &str = "export const plus = (a: number, b: number): number => a + b;\n";

async fn functions_come_with_the_app_and_each_version_once(server: TestServer) {
    let files = [("app.toml", ""), ("functions/add.ts", ADD), ("functions/lib/plus.ts", PLUS)];
    let first = sent(&server, "", &files).expect(200).await;
    assert_eq!(changes(&first, "functions"), ["add added"]);
    assert_eq!(first.at("/plan/functions/0/version"), 1);
    assert_eq!(invoke(&server.visitor(), "add", json!({"a": 1, "b": 2})).await, json!({"sum": 3}));
    assert_eq!(sent(&server, "", &files).expect(200).await.at("/changes"), false);
    let minus = PLUS.replace("a + b", "a - b");
    let other = [("app.toml", ""), ("functions/add.ts", ADD), ("functions/lib/plus.ts", &minus)];
    assert_eq!(changes(&sent(&server, "", &other).expect(200).await, "functions"), ["add changed"]);
    assert_eq!(invoke(&server.visitor(), "add", json!({"a": 1, "b": 2})).await, json!({"sum": -1}));
    let without = sent(&server, "", &[("app.toml", "")]).expect(200).await;
    assert_eq!(changes(&without, "functions"), ["add kept"]);
    let removed = sent(&server, "?remove=function:add", &[("app.toml", "")]).expect(200).await;
    assert_eq!(changes(&removed, "functions"), ["add removed"]);
    server.visitor().post(&function("add")).json(&json!({})).problem(404, "function_not_found").await;
}

async fn faults_have_their_file_line_and_column_and_nothing_is_changed(server: TestServer) {
    let bad = "import { callable } from \"basalt:functions\";\nexport const add = callable(async () => ;\n";
    let app = "[collections.notes]\n";
    let refused = sent(&server, "", &[("app.toml", app), ("functions/add.ts", bad)]);
    let refused = refused.problem(422, "invalid_definition").await;
    assert_eq!((refused.at("/errors/0/path"), refused.at("/errors/0/line")), ("/functions/add.ts".into(), 2.into()));
    assert!(refused.at("/errors/0/column").as_u64().is_some_and(|column| column > 1), "{refused}");
    let manifests = [
        ("[collections.notes]\n[functions.rules]\ninvoke = \"auth.nope == 1\"\n", 3),
        ("[collections.notes]\n[schedules.nightly]\nfunction = \"add\"\ncron = \"every day\"\n", 4),
        ("[collections.notes]\n[webhooks.crm]\nurl = \"https://example.com\"\nevents = \"op = 1\"\n", 4),
        ("[collections.notes]\n[functions.env]\nX = \"${NOWHERE}\"\n", 3),
        ("[collections.notes]\nnonsense = 1\n", 2),
    ];
    for (manifest, line) in manifests {
        let refused = sent(&server, "", &[("app.toml", manifest)]).problem(422, "invalid_definition").await;
        assert_eq!(refused.at("/errors/0/line"), line, "{manifest}: {refused}");
    }
    server.owner().get("/v1/admin/collections/notes").problem(404, "collection_not_found").await;
    assert_eq!(server.owner().get("/v1/admin/deployments").expect(200).await.items().len(), 0);
}

async fn secrets_fill_the_manifest_in(server: TestServer) {
    server.owner().put("/v1/admin/secrets/GREETING").json(&json!({"value": "hello"})).expect(204).await;
    let app = "[functions.rules]\ninvoke = \"true\"\n[functions.env]\nGREETING = \"${GREETING} there\"\n";
    let code = "import { callable } from \"basalt:functions\";\n\
                export const greet = callable(async (_: unknown, ctx) => ctx.env.GREETING);\n";
    sent(&server, "", &[("app.toml", app), ("functions/greet.ts", code)]).expect(200).await;
    assert_eq!(invoke(&server.visitor(), "greet", json!(null)).await, "hello there");
}

async fn a_function_that_breaks_its_callers_is_marked(server: TestServer) {
    let code = |kind: &str| {
        format!(
            "import {{ callable }} from \"basalt:functions\";\n\
             export const f = callable({{ invoke: \"auth != null\", input: {{ type: \"{kind}\" }} }}, async () => 1);\n"
        )
    };
    sent(&server, "", &[("app.toml", ""), ("functions/f.ts", &code("number"))]).expect(200).await;
    let narrower = code("integer");
    let files = [("app.toml", ""), ("functions/f.ts", narrower.as_str())];
    let refused = sent(&server, "", &files).problem(409, "plan_refused").await;
    assert_eq!(refused.at("/breaking/0/thing"), "function:f", "{refused}");
    sent(&server, "?acknowledge=function:f", &files).expect(200).await;
}

async fn a_function_may_be_about_a_collection_of_the_same_deploy(server: TestServer) {
    let code = "import { onDocument } from \"basalt:functions\";\n\
                export const seen = onDocument(\"notes\", { on: [\"create\"] }, async () => {});\n";
    let files = [("app.toml", "[collections.notes]\n"), ("functions/seen.ts", code)];
    let answer = sent(&server, "", &files).expect(200).await;
    assert_eq!(changes(&answer, "functions"), ["seen added"]);
}
