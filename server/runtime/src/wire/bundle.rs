//! Bytecode of one code: made by a worker, kept by the server, loaded by workers of the same binary. It never leaves the
//! process tree, and none is taken from outside.

use bytes::{Buf, BufMut, Bytes, BytesMut};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bundle {
    pub(crate) entry: String,
    /// By their full names; few, so they are searched.
    pub(crate) modules: Vec<(String, Bytes)>,
}

impl Bundle {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        put(&mut out, self.entry.as_bytes());
        for (name, code) in &self.modules {
            put(&mut out, name.as_bytes());
            put(&mut out, code);
        }
        out.freeze()
    }

    pub(crate) fn decode(mut bytes: Bytes) -> Option<Self> {
        let entry = text(&mut bytes)?;
        let mut modules = Vec::new();
        while bytes.has_remaining() {
            modules.push((text(&mut bytes)?, take(&mut bytes)?));
        }
        Some(Self { entry, modules })
    }

    pub(crate) fn module(&self, name: &str) -> Option<&Bytes> {
        self.modules.iter().find(|(known, _)| known == name).map(|(_, code)| code)
    }
}

fn put(out: &mut BytesMut, part: &[u8]) {
    out.put_u64_le(part.len() as u64);
    out.put_slice(part);
}

fn take(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(bytes.try_get_u64_le().ok()?).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

fn text(bytes: &mut Bytes) -> Option<String> {
    String::from_utf8(take(bytes)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_comes_back_as_it_was() {
        let modules = vec![("a.ts".to_owned(), Bytes::from("code")), ("b.ts".to_owned(), Bytes::new())];
        let bundle = Bundle { entry: "a.ts".to_owned(), modules };
        assert_eq!(Bundle::decode(bundle.encode()), Some(bundle.clone()));
        assert_eq!(Bundle::decode(bundle.encode().slice(..9)), None);
    }
}
