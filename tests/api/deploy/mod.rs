//! Whole apps, as one zip: what becomes of them, what is refused, and what archives can't do.

mod archives;
mod code;
mod doors;
mod plans;
mod start;

use std::io::{Cursor, Write as _};

use basalt_testing::{Answer, Call, TestServer};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(crate) const DEPLOY: &str = "/v1/admin/deploy";

/// An archive of these files.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        writer.start_file(*path, SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A deploy of these files by the owner, with a query such as `?plan=true`.
pub(crate) fn sent(server: &TestServer, query: &str, files: &[(&str, &str)]) -> Call {
    server.owner().post(&format!("{DEPLOY}{query}")).body("application/zip", archive(files))
}

/// An app of nothing but a manifest, deployed.
pub(crate) async fn deployed(server: &TestServer, manifest: &str) -> Answer {
    sent(server, "", &[("app.toml", manifest)]).expect(200).await
}

/// `name change` of each thing of a list of the plan.
pub(crate) fn changes(answer: &Answer, list: &str) -> Vec<String> {
    let items = answer.at(&format!("/plan/{list}"));
    let told = |item: &serde_json::Value| {
        format!("{} {}", item["name"].as_str().unwrap_or("-"), item["change"].as_str().unwrap_or("-"))
    };
    items.as_array().into_iter().flatten().map(told).collect()
}
