use std::sync::Arc;

use basalt_core::Code;
use basalt_runtime::{FunctionRuntime as _, Guests, Kind, LogLevel, Outcome};
use serde_json::json;

use crate::support::{App, Fixed, module, prepare};

const ANSWER: &str = "(call $pack (i32.const 16) (i32.const 13))";
const ECHO: &str = "(call $wrap (local.get $at) (local.get $length))";
const ASK: &str = "(call $wrap_packed (call $host_call (i32.const 256) (i32.const 4) (i32.const 280) (i32.const 21)))";

#[tokio::test]
async fn a_guest_is_called() {
    assert_eq!(App::new(ANSWER).await.call(json!(null)).await, 42);
}

#[tokio::test]
async fn it_gets_its_input_and_its_context() {
    let got = App::new(ECHO).await.call(json!({"a": "ü"})).await;
    assert_eq!(got["input"], json!({"a": "ü"}));
    assert_eq!(got["context"]["function"], "guest");
    assert_eq!(got["context"]["alias"], "live");
}

#[tokio::test]
async fn an_empty_answer_is_no_result() {
    let app = App::new("(i64.const 0)").await;
    assert_eq!(app.outcome().await, Outcome::Returned(None));
}

#[tokio::test]
async fn a_refusal_has_its_code_and_details() {
    let app = App::new("(call $pack (i32.const 96) (i32.const 79))").await;
    let outcome = app.outcome().await;
    let Outcome::Threw(thrown) = outcome else { panic!("{outcome:?}") };
    assert_eq!(thrown.refusal, Some(("unlucky".to_owned(), 409, json!({"n": 13}))));
    assert_eq!(thrown.message, "not 13");
}

#[tokio::test]
async fn each_call_has_a_fresh_instance() {
    let count = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                 (i32.store8 (i32.const 3000) (global.get $calls))
                 (call $wrap (i32.const 3000) (i32.const 1))";
    let app = App::new(count).await;
    for _ in 0..3 {
        assert_eq!(app.call(json!(null)).await, 1);
    }
}

#[tokio::test]
async fn the_host_is_called_with_bytes() {
    let app = App::new(ASK).await;
    let report = app.report(json!(null)).await;
    assert_eq!(report.host_calls, 1);
    let Outcome::Returned(Some(bytes)) = report.outcome else { panic!("{:?}", report.outcome) };
    let reply: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(reply, json!({"value": {"a": 1}, "body": "AAEC"}));
}

#[tokio::test]
async fn arguments_that_are_no_json_are_refused() {
    let ask = "(call $wrap_packed (call $host_call (i32.const 256) (i32.const 4) (i32.const 272) (i32.const 7)))";
    let reply = App::new(ask).await.call(json!(null)).await;
    assert_eq!(reply["error"]["status"], 422);
}

#[tokio::test]
async fn it_logs() {
    let app = App::new("(call $log (i32.const 2) (i32.const 256) (i32.const 4)) (i64.const 0)").await;
    app.report(json!(null)).await;
    let logs = app.host.logs.lock().unwrap();
    assert_eq!((logs[0].level, logs[0].message.as_str()), (LogLevel::Warn, "echo"));
}

#[tokio::test]
async fn what_it_declares_is_a_callable_of_the_files_name() {
    let guests = Guests::new(Arc::new(Fixed));
    let prepared = prepare(&guests, module(ANSWER)).await.unwrap();
    let declared = &prepared.declarations[0];
    assert_eq!((declared.export.as_str(), declared.kind), ("guest", Kind::Callable));
}

#[tokio::test]
async fn code_that_was_evicted_is_compiled_again() {
    let app = App::new(ANSWER).await;
    app.guests.evict(app.code.id());
    assert_eq!(app.call(json!(null)).await, 42);
}

#[tokio::test]
async fn a_module_that_can_never_run_is_refused_at_the_deploy() {
    let guests = Guests::new(Arc::new(Fixed));
    let imports = module(ANSWER).replace("(import \"basalt\" \"log\"", "(import \"wasi\" \"exit\"");
    for (text, says) in [
        ("no module".to_owned(), "expected"),
        ("(module)".to_owned(), "\"memory\""),
        (module(ANSWER).replace("basalt_call", "main"), "\"basalt_call\""),
        (module(ANSWER).replace("\"basalt_alloc\"", "\"malloc\""), "\"basalt_alloc\""),
        (imports, "wasi"),
    ] {
        let error = prepare(&guests, text).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidDefinition);
        let fault = &error.errors()[0];
        assert_eq!(fault.path, "/functions/guest.wasm");
        assert!(fault.message.contains(says), "{says}: {}", fault.message);
    }
}

/// Of `examples/wasm`, where its source lies.
const CHECKSUM: &[u8] = include_bytes!("../../../../examples/wasm/functions/checksum.wasm");

#[tokio::test]
async fn a_guest_of_a_real_language_runs() {
    let app = App::of(CHECKSUM).await;
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(app.call(json!({"text": "hello"})).await, json!({"crc32": 907_060_870, "sha256": sha256}));
    assert_eq!(app.host.logs.lock().unwrap()[0].message, "5 bytes");
    let Outcome::Threw(thrown) = app.report(json!({"text": 5})).await.outcome else { panic!("it threw") };
    assert_eq!(thrown.refusal.unwrap().0, "bad_input");
}
