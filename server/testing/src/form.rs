//! Bodies of `multipart/form-data`.

use crate::client::Call;

const BOUNDARY: &str = "----a-boundary-that-is-in-no-test-file";

/// One part of a form.
pub struct Part<'a> {
    pub name: &'a str,
    pub file_name: Option<&'a str>,
    pub content_type: Option<&'a str>,
    pub content: &'a [u8],
}

impl<'a> Part<'a> {
    pub fn text(name: &'a str, text: &'a str) -> Self {
        Self { name, file_name: None, content_type: None, content: text.as_bytes() }
    }

    pub fn file(file_name: &'a str, content_type: &'a str, content: &'a [u8]) -> Self {
        Self { name: "file", file_name: Some(file_name), content_type: Some(content_type), content }
    }
}

impl Call {
    /// A form with these parts, in this order.
    pub fn form(self, parts: &[Part<'_>]) -> Self {
        let mut body = Vec::new();
        for part in parts {
            let file_name = part.file_name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
            let content_type = part.content_type.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
            let name = part.name;
            body.extend_from_slice(
                format!(
                    "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n{content_type}\r\n"
                )
                .as_bytes(),
            );
            body.extend_from_slice(part.content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.body(&format!("multipart/form-data; boundary={BOUNDARY}"), body)
    }
}
