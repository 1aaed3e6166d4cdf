//! From what is deployed to what runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use basalt_core::Error;
use basalt_runtime::{Code, Sources, compile};
use bytes::Bytes;

fn strip(files: &[(&str, &str)]) -> Result<Code, Error> {
    let entry = files[0].0.to_owned();
    let files =
        files.iter().map(|(path, text)| ((*path).to_owned(), Bytes::copy_from_slice(text.as_bytes()))).collect();
    compile::strip(&Sources { entry, files })
}

fn module(code: &Code, path: &str) -> String {
    let Code::Script { modules, .. } = code else { unreachable!() };
    modules[path].clone()
}

/// `path line:column code`, of all faults.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let error = strip(files).unwrap_err();
    assert_eq!(error.code(), basalt_core::Code::InvalidDefinition);
    let place = |n: Option<u32>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    error.errors().iter().map(|e| format!("{} {}:{} {}", e.path, place(e.line), place(e.column), e.code)).collect()
}

#[test]
fn types_are_stripped_and_what_typescript_makes_is_made() {
    let code = strip(&[(
        "functions/a.ts",
        r#"import { callable, type Context } from "basalt:functions";
        import type { Only } from "./nowhere";
        interface Input { a: number }
        enum Colour { Red, Green = "g" }
        class P { constructor(private readonly x: number) {} get() { return this.x as unknown as string; } }
        export const f = callable(async (input: Input, ctx: Context): Promise<Only> => [Colour.Red, new P(input.a!).get()] satisfies unknown as any);
        export default <T,>(t: T) => t;"#,
    )])
    .unwrap();
    let text = module(&code, "functions/a.ts");
    assert!(!text.contains("interface") && !text.contains("Only") && !text.contains("nowhere"), "{text}");
    assert!(text.contains(r#"import { callable } from "basalt:functions""#), "{text}");
    assert!(text.contains("Colour") && text.contains("this.x = x"), "{text}");
}

#[test]
fn imports_are_followed_and_written_out() {
    let code = strip(&[
        ("functions/a.ts", "import { b } from './b'; import { c } from '../lib/c.js'; export * from './dir'; import d from './d.json' with { type: 'json' };\nexport const all = [b, c, d];"),
        ("functions/b.ts", "export const b = 1; import './a';"),
        ("lib/c.ts", "export const c = 2;"),
        ("functions/dir/index.ts", "export { c as again } from '../../lib/c';"),
        ("functions/d.json", "{\"x\": \"\u{2028}`${\"}"),
        ("functions/unused.ts", "this is no code"),
    ])
    .unwrap();
    let text = module(&code, "functions/a.ts");
    for path in ["functions/b.ts", "lib/c.ts", "functions/dir/index.ts", "functions/d.json"] {
        assert!(text.contains(&format!("\"{path}\"")), "{text}");
    }
    assert!(!text.contains("with"), "{text}");
    let Code::Script { modules, sources, maps, entry, .. } = &code else { unreachable!() };
    assert_eq!(entry, "functions/a.ts");
    assert_eq!(modules.len(), 5);
    assert_eq!(sources.keys().collect::<Vec<_>>(), modules.keys().collect::<Vec<_>>());
    assert!(!maps.contains_key("functions/d.json") && maps.contains_key("lib/c.ts"));
}

#[test]
fn the_same_sources_are_the_same_code() {
    let one = [("functions/a.ts", "import './b'; export {};"), ("functions/b.ts", "export {};")];
    let id = |files: &[(&str, &str)]| strip(files).unwrap().id().clone();
    let with_more = [one[0], one[1], ("functions/c.ts", "other")];
    assert_eq!(id(&one), id(&with_more));
    assert_ne!(id(&one), id(&[one[0], ("functions/b.ts", "export {}; ")]));
    assert_eq!(id(&one).0.len(), 64);
    // Another entry declares other functions.
    let mutual = [("functions/a.ts", "import './b';"), ("functions/b.ts", "import './a';")];
    assert_ne!(id(&mutual), id(&[mutual[1], mutual[0]]));
}

#[test]
fn faults_name_file_line_and_column() {
    let bad = "export const a = 1;\nconst é = (;\n";
    assert_eq!(
        faults(&[("functions/a.ts", "import './b';"), ("functions/b.ts", bad)]),
        ["/functions/b.ts 2:12 syntax"]
    );
    assert_eq!(faults(&[("functions/a.ts", "let a = 1;\n  let a = 2;")]), ["/functions/a.ts 1:5 syntax"]);
    assert_eq!(faults(&[("functions/a.ts", "\n\nimport x from 'lodash'; x;")]), ["/functions/a.ts 3:15 import"]);
    assert_eq!(faults(&[("functions/a.ts", "import fs from 'node:fs'; fs;")]), ["/functions/a.ts 1:16 import"]);
    assert_eq!(faults(&[("functions/a.ts", "import '../../../etc/passwd';")]), ["/functions/a.ts 1:8 import"]);
    assert_eq!(faults(&[("functions/a.ts", "import './missing';")]), ["/functions/a.ts 1:8 import"]);
    assert_eq!(faults(&[("functions/a.ts", "import 'basalt:internal/start';")]), ["/functions/a.ts 1:8 import"]);
    assert_eq!(
        faults(&[("functions/a.ts", " import('./b');"), ("functions/b.ts", "")]),
        ["/functions/a.ts 1:2 dynamic_import"]
    );
    assert_eq!(faults(&[("functions/a.ts", "@x class A {}")]), ["/functions/a.ts 1:1 decorator"]);
    assert_eq!(
        faults(&[("functions/a.ts", "import './a.css'"), ("functions/a.css", "")]),
        ["/functions/a.css -:- bad_type"]
    );
    assert_eq!(
        faults(&[("functions/a.js", "import './b.json'"), ("functions/b.json", "{\n x}")]),
        ["/functions/b.json 2:2 bad_json"]
    );
    // All files that are reached are looked at.
    let two = [("functions/a.ts", "import './b'; import './c';"), ("functions/b.ts", "("), ("functions/c.ts", ")")];
    assert_eq!(faults(&two).len(), 2);
    let detail = strip(&[("functions/a.ts", "import x from 'lodash'; x;")]).unwrap_err().detail().to_owned();
    assert!(detail.starts_with("functions/a.ts:1:15: \"lodash\" is a package: bundle it"), "{detail}");
}

#[test]
fn sizes_and_paths_are_bounded() {
    let big = "//".to_owned() + &"x".repeat(5 << 20);
    assert_eq!(faults(&[("functions/a.ts", &big)]), ["/functions/a.ts -:- too_large"]);
    let names: Vec<_> = (0..201).map(|n| format!("functions/f{n}.js")).collect();
    let texts: Vec<_> = (0..201).map(|n| format!("import './f{}.js';", (n + 1) % 201)).collect();
    let many: Vec<_> = names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(faults(&many), ["/functions/f0.js -:- too_large"]);
    for path in ["../a.ts", "/a.ts", "functions//a.ts", "functions/./a.ts", "functions\\a.ts", "c:a.ts"] {
        assert_eq!(faults(&[(path, "")]), [format!("/{path} -:- bad_path")]);
    }
    let error = compile::strip(&Sources {
        entry: "functions/a.ts".to_owned(),
        files: [("functions/a.ts".to_owned(), Bytes::from_static(b"\xff"))].into(),
    });
    assert_eq!(error.unwrap_err().errors()[0].code, "bad_encoding");
}

#[test]
fn stacks_are_told_in_the_places_of_the_sources() {
    let source =
        "interface A {\n  a: number;\n}\n\nexport const f = (x: A): number => {\n  throw new Error(`no ${x.a}`);\n};\n";
    let code = strip(&[("functions/a.ts", source)]).unwrap();
    let text = module(&code, "functions/a.ts");
    let line = text.lines().position(|line| line.contains("throw")).unwrap() + 1;
    let column = text.lines().nth(line - 1).unwrap().find("new Error").unwrap() + 1;
    assert_ne!(line, 6);
    let stack = format!(
        "    at f (functions/a.ts:{line}:{column})\n    at native\n    at g (other.ts:1:1)\n    at apply (native)\n    at invoke (basalt:internal/start:225:71)"
    );
    let told = compile::original_stack(&code, &stack);
    assert_eq!(told, "    at f (functions/a.ts:6:9)\n    at native\n    at g (other.ts:1:1)");
}
