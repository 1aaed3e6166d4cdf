//! One module of TypeScript or JavaScript, by oxc: parsed, stripped of types, imports written out, printed.

use std::path::Path;

use oxc_allocator::{Allocator, FromIn};
use oxc_ast::AstKind;
use oxc_ast::ast::{Program, Statement, StringLiteral};
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_parser::Parser;
use oxc_semantic::{Scoping, SemanticBuilder};
use oxc_span::{GetSpan, SourceType};
use oxc_transformer::{TransformOptions, Transformer};
use serde_json::json;

use super::faults::{Fault, fault};
use super::resolve::resolve;
use super::{Language, Module};
use crate::Sources;

/// The errors among diagnostics, whose type has no name here.
macro_rules! found {
    ($path:expr, $text:expr, $diagnostics:expr) => {
        $diagnostics
            .errors()
            .map(|error| {
                let offset = error.labels.first().map(|label| label.span().start);
                syntax($path, $text, &error.message, error.help.as_deref(), offset)
            })
            .collect::<Vec<Fault>>()
    };
}

pub(super) fn module(sources: &Sources, path: &str, text: &str, language: Language) -> Result<Module, Vec<Fault>> {
    let allocator = Allocator::default();
    let kind = match language {
        Language::TypeScript => SourceType::ts(),
        Language::JavaScript => SourceType::mjs(),
    };
    let parsed = Parser::new(&allocator, text, kind).parse();
    let found = found!(path, text, parsed.diagnostics);
    if parsed.panicked || !found.is_empty() {
        return Err(found);
    }
    if let Some(dynamic) = parsed.module_record.dynamic_imports.first() {
        let message = "import() doesn't exist here: write an import at the top of the file.";
        return Err(fault(path, "dynamic_import", message).at_offset(text, dynamic.span.start).into());
    }
    let mut program = parsed.program;
    let scoping = check(path, text, &program)?;
    let options = TransformOptions::default();
    let transformed = Transformer::new(&allocator, Path::new(path), &options).build_with_scoping(scoping, &mut program);
    let found = found!(path, text, transformed.diagnostics);
    if !found.is_empty() {
        return Err(found);
    }
    // Only now: what was imported for its types alone is gone.
    let imports = write_out_imports(sources, path, text, &allocator, &mut program)?;
    let options = CodegenOptions { source_map_path: Some(path.into()), ..CodegenOptions::default() };
    let printed = Codegen::new().with_options(options).build(&program);
    let map = printed.map.map(|map| {
        let map = map.to_json();
        json!({"version": 3, "sources": [path], "names": [], "mappings": map.mappings}).to_string()
    });
    Ok(Module { text: printed.code, map, imports })
}

/// What the grammar alone doesn't refuse.
fn check(path: &str, text: &str, program: &Program<'_>) -> Result<Scoping, Vec<Fault>> {
    let built = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_build_nodes(true)
        .with_enum_eval(true)
        .with_excess_capacity(1.0)
        .build(program);
    let found = found!(path, text, built.diagnostics);
    if !found.is_empty() {
        return Err(found);
    }
    let decorator = built.semantic.nodes().iter().find_map(|node| match node.kind() {
        AstKind::Decorator(decorator) => Some(decorator.span()),
        _ => None,
    });
    if let Some(span) = decorator {
        let message = "Decorators don't exist here.";
        return Err(fault(path, "decorator", message).at_offset(text, span.start).into());
    }
    Ok(built.semantic.into_scoping())
}

fn syntax(path: &str, text: &str, message: &str, help: Option<&str>, offset: Option<u32>) -> Fault {
    let message = help.map_or_else(|| message.to_owned(), |help| format!("{message}: {help}"));
    let found = fault(path, "syntax", message);
    match offset {
        Some(offset) => found.at_offset(text, offset),
        None => found,
    }
}

/// Puts full paths into the imports, so that nothing is resolved when it runs.
fn write_out_imports<'a>(
    sources: &Sources,
    path: &str,
    text: &str,
    allocator: &'a Allocator,
    program: &mut Program<'a>,
) -> Result<Vec<String>, Vec<Fault>> {
    let mut imports = Vec::new();
    let mut found = Vec::new();
    for statement in &mut program.body {
        // `with { type: "json" }` is said by the file's name already.
        let source = match statement {
            Statement::ImportDeclaration(import) => {
                import.with_clause = None;
                &mut import.source
            }
            Statement::ExportFromDeclaration(export) => {
                export.with_clause = None;
                &mut export.source
            }
            Statement::ExportAllDeclaration(export) => {
                export.with_clause = None;
                &mut export.source
            }
            _ => continue,
        };
        match resolve(sources, path, source.value.as_str()) {
            Ok((full, file)) => {
                rename(source, &full, allocator);
                if file {
                    imports.push(full);
                }
            }
            Err(message) => found.push(fault(path, "import", message).at_offset(text, source.span.start)),
        }
    }
    if found.is_empty() { Ok(imports) } else { Err(found) }
}

fn rename<'a>(literal: &mut StringLiteral<'a>, to: &str, allocator: &'a Allocator) {
    literal.value = FromIn::from_in(to, allocator);
    literal.raw = None;
}
