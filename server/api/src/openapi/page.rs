//! The document as one HTML page without scripts: it is rendered here, so it works offline and under a strict policy.

use std::fmt::Write as _;

use serde_json::{Map, Value};

pub(super) fn render(document: &Value) -> String {
    let mut html = String::with_capacity(1 << 17);
    html.push_str(HEAD);
    let _ = write!(html, "<p>{}</p>", inline(&document["info"]["description"]));
    html.push_str("<p>For programs: <a href=\"/v1/openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>");
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    contents(&mut html, document, &tags);
    for tag in tags {
        let name = text(&tag["name"]);
        let _ = write!(html, "<h2 id=\"{0}\">{0}</h2><p>{1}</p>", escape(name), inline(&tag["description"]));
        for (path, method, operation) in operations(document, name) {
            render_operation(&mut html, path, method, operation);
        }
    }
    schemas(&mut html, &document["components"]["schemas"]);
    html.push_str("</main></body></html>\n");
    html
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Basalt: API</title>\
    <link rel=\"stylesheet\" href=\"/_/page.css\"></head><body><main><h1>Basalt API</h1>";

fn contents(html: &mut String, document: &Value, tags: &[&Value]) {
    html.push_str("<nav aria-label=\"Contents\"><ul>");
    for tag in tags {
        let name = text(&tag["name"]);
        let _ = write!(html, "<li><a href=\"#{0}\">{0}</a> ({1})</li>", escape(name), operations(document, name).len());
    }
    html.push_str("<li><a href=\"#schemas\">schemas</a></li></ul></nav>");
}

fn operations<'a>(document: &'a Value, tag: &str) -> Vec<(&'a str, &'a str, &'a Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        item.as_object()
            .into_iter()
            .flatten()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    all.filter(|(_, _, operation)| operation["tags"].as_array().is_some_and(|tags| tags.contains(&tag.into())))
        .collect()
}

fn render_operation(html: &mut String, path: &str, method: &str, operation: &Value) {
    let _ = write!(
        html,
        "<details id=\"{}\"><summary><span class=\"method\">{}</span> <code>{}</code> <h3>{}</h3></summary><div>",
        escape(text(&operation["operationId"])),
        escape(&method.to_uppercase()),
        escape(path),
        inline(&operation["summary"]),
    );
    if operation["description"].is_string() {
        let _ = write!(html, "<p>{}</p>", inline(&operation["description"]));
    }
    let _ = write!(html, "<p class=\"quiet\">{}</p>", escape(&credentials(&operation["security"])));
    rows(html, "Parameters", operation["parameters"].as_array().into_iter().flatten().map(parameter));
    let body = operation["requestBody"]["content"].as_object().into_iter().flatten();
    rows(html, "Body", body.map(|(media, content)| [code(media), shape(&content["schema"])].concat_cells("")));
    let answers = operation["responses"].as_object().into_iter().flatten();
    rows(html, "Answers", answers.map(|(status, answer)| response(status, answer)));
    html.push_str("</div></details>");
}

fn rows(html: &mut String, title: &str, rows: impl Iterator<Item = String>) {
    let rows: String = rows.collect();
    if !rows.is_empty() {
        let _ = write!(html, "<h4>{title}</h4><table>{rows}</table>");
    }
}

fn credentials(security: &Value) -> String {
    let names: Vec<&str> = security
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .map(|scheme| scheme.keys().next().map_or("visitor", String::as_str))
        .collect();
    if names.is_empty() { "Anybody.".to_owned() } else { format!("Callers: {}.", names.join(", ")) }
}

fn parameter(parameter: &Value) -> String {
    let required = if parameter["required"] == true { ", required" } else { "" };
    let about = format!("{}{required}", text(&parameter["in"]));
    [code(text(&parameter["name"])), shape(&parameter["schema"])].concat_cells(&format!(
        "<td class=\"quiet\">{}</td><td>{}</td>",
        escape(&about),
        inline(&parameter["description"])
    ))
}

fn response(status: &str, answer: &Value) -> String {
    let content = answer["content"].as_object().and_then(|content| content.values().next());
    let schema = content.map_or_else(String::new, |content| shape(&content["schema"]));
    let description = match answer["$ref"].as_str() {
        Some(_) => "Any other problem.".to_owned(),
        None => inline(&answer["description"]),
    };
    [code(status), description].concat_cells(&format!("<td>{schema}</td>"))
}

fn schemas(html: &mut String, schemas: &Value) {
    html.push_str("<h2 id=\"schemas\">schemas</h2>");
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        let _ = write!(
            html,
            "<details id=\"schema-{0}\"><summary><h3>{0}</h3></summary><div><p>{1}</p><p class=\"quiet\">{2}</p>",
            escape(name),
            inline(&schema["description"]),
            shape(schema),
        );
        let empty = Map::new();
        let required = schema["required"].as_array();
        let properties = schema["properties"].as_object().unwrap_or(&empty).iter().map(|(name, property)| {
            let must = required.is_some_and(|required| required.contains(&name.as_str().into()));
            let must = if must { "required" } else { "" };
            [code(name), shape(property)]
                .concat_cells(&format!("<td class=\"quiet\">{must}</td><td>{}</td>", inline(&property["description"])))
        });
        rows(html, "Fields", properties);
        html.push_str("</div></details>");
    }
}

/// A schema in a few words, linked to where it is described.
fn shape(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = escape(reference.rsplit('/').next().unwrap_or(reference));
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    if let Some(values) = schema["enum"].as_array().filter(|values| values.len() <= 12) {
        return values.iter().map(|value| code(text(value))).collect::<Vec<_>>().join(" | ");
    }
    for joined in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[joined].as_array() {
            return parts.iter().map(shape).collect::<Vec<_>>().join(" | ");
        }
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" | "),
        kind => text(kind).to_owned(),
    };
    if kind.contains("array") {
        return format!("list of {}", shape(&schema["items"]));
    }
    escape(if kind.is_empty() { "any" } else { &kind })
}

/// The first cells of a row, with the rest as HTML.
trait Cells {
    fn concat_cells(self, rest: &str) -> String;
}

impl Cells for [String; 2] {
    fn concat_cells(self, rest: &str) -> String {
        let [first, second] = self;
        format!("<tr><td>{first}</td><td>{second}</td>{rest}</tr>")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Prose with `code` in backticks.
fn inline(value: &Value) -> String {
    let mut html = String::new();
    for (index, part) in text(value).split('`').enumerate() {
        html.push_str(&if index % 2 == 1 { code(part) } else { escape(part) });
    }
    html
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_escaped() {
        assert_eq!(inline(&"a <b> `c & d`".into()), "a &lt;b&gt; <code>c &amp; d</code>");
    }
}
