use basalt_core::{Code, Error};
use basalt_runtime::{FunctionRuntime as _, Kind};
use serde_json::json;

use crate::support::{App, prepare, sources, workers};

async fn refused(text: &str) -> Error {
    let error = workers().prepare(sources(&[("functions/main.ts", text)])).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidDefinition, "{error:?}");
    error
}

#[tokio::test]
async fn declarations_are_listed_by_name() {
    let text = "export const b = callable({ timeout: '500ms' }, () => 1);
                export const a = http(() => new Response('x'));
                export const helper = () => 2;";
    let prepared = prepare(&workers(), text).await;
    let listed: Vec<_> = prepared.declarations.iter().map(|d| (d.export.as_str(), d.kind)).collect();
    assert_eq!(listed, [("a", Kind::Http), ("b", Kind::Callable)]);
    assert_eq!(prepared.declarations[1].options["timeout"], json!("500ms"));
}

#[tokio::test]
async fn a_module_imports_its_own_files() {
    let files = [
        (
            "functions/main.ts",
            "import { callable } from 'basalt:functions'; import { twice } from './lib.ts';
                               export const two = callable((n: number) => twice(n));",
        ),
        ("functions/lib.ts", "export const twice = (n: number) => n * 2;"),
    ];
    let runtime = workers();
    let mut sources = sources(&files);
    sources.entry = "functions/main.ts".to_owned();
    let prepared = runtime.prepare(sources).await.unwrap();
    let app = App::on(runtime, "").await;
    let app = App { code: std::sync::Arc::new(prepared.code), ..app };
    assert_eq!(app.call("two", json!(21)).await, 42);
}

#[tokio::test]
async fn a_syntax_error_has_its_place() {
    let error = refused("export const a = 1;\nexport const = 2;\n").await;
    let fault = &error.errors()[0];
    assert_eq!(fault.path, "/functions/main.ts");
    assert_eq!(fault.line, Some(2), "{fault:?}");
}

#[tokio::test]
async fn an_error_at_the_top_level_has_its_place() {
    let error = refused("interface Gone { a: number }\n\nthrow new Error('at the top');\n").await;
    let fault = &error.errors()[0];
    assert!(fault.message.contains("at the top"), "{fault:?}");
    assert_eq!((fault.path.as_str(), fault.line), ("/functions/main.ts", Some(3)));
}

#[tokio::test]
async fn a_top_level_that_never_ends_is_refused() {
    let error = refused("const big = new Array(2e6).fill(1); for (;;) big.indexOf(2);").await;
    assert_eq!(error.errors()[0].code, "timeout", "{error:?}");
    let error = refused("await new Promise(() => {});").await;
    assert!(error.errors()[0].message.contains("never comes"), "{error:?}");
}

#[tokio::test]
async fn a_top_level_that_takes_too_much_is_refused() {
    let error = refused("const all = []; for (;;) all.push(new Uint8Array(1 << 20));").await;
    assert_eq!(error.errors()[0].code, "out_of_memory", "{error:?}");
}

#[tokio::test]
async fn there_is_no_host_at_the_top_level() {
    let error = refused("await fetch('https://host/x');").await;
    assert_eq!(error.errors()[0].path, "/functions/main.ts", "{error:?}");
}

#[tokio::test]
async fn the_same_sources_are_the_same_code() {
    let runtime = workers();
    let text = "export const a = callable(() => 1);";
    let (one, two) = (prepare(&runtime, text).await, prepare(&runtime, text).await);
    assert_eq!(one.code.id(), two.code.id());
}

#[tokio::test]
async fn nothing_but_its_own_files_is_imported() {
    for specifier in ["/etc/passwd", "../../etc/passwd", "fs", "data:text/javascript,0", "basalt:internal/start"] {
        let error = refused(&format!("import x from {specifier:?}; export const y = x;")).await;
        assert_eq!(error.errors()[0].path, "/functions/main.ts", "{error:?}");
        refused(&format!("export const y = await import({specifier:?});")).await;
    }
}
