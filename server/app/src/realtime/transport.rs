//! How a frame looks on the wire of each kind of connection: encoded here once, its bytes are shared by all who get it.

use bytes::{BufMut, Bytes};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RFC 6455: an unmasked text message, in one piece.
    WebSocket,
    /// `text/event-stream`.
    Sse,
}

const TEXT: u8 = 0x81;

impl Transport {
    /// One JSON text (which has no line breaks); `seq` is its place in the log, if it has one.
    pub fn frame(self, json: &[u8], seq: Option<&str>) -> Bytes {
        let mut out = Vec::with_capacity(json.len() + 40);
        self.append(&mut out, json, seq);
        out.into()
    }

    pub fn append(self, out: &mut Vec<u8>, json: &[u8], seq: Option<&str>) {
        match self {
            Self::WebSocket => {
                out.put_u8(TEXT);
                match json.len() {
                    #[expect(clippy::cast_possible_truncation, reason = "at most 125")]
                    length @ 0..=125 => out.put_u8(length as u8),
                    #[expect(clippy::cast_possible_truncation, reason = "at most 65,535")]
                    length @ 126..=0xffff => {
                        out.put_u8(126);
                        out.put_u16(length as u16);
                    }
                    length => {
                        out.put_u8(127);
                        out.put_u64(length as u64);
                    }
                }
                out.put_slice(json);
            }
            Self::Sse => {
                if let Some(seq) = seq {
                    out.put_slice(b"id: ");
                    out.put_slice(seq.as_bytes());
                    out.put_u8(b'\n');
                }
                out.put_slice(b"data: ");
                out.put_slice(json);
                out.put_slice(b"\n\n");
            }
        }
    }

    /// Nothing but a sign of life.
    pub fn ping(self) -> Bytes {
        match self {
            Self::WebSocket => Bytes::from_static(&[0x89, 0]),
            Self::Sse => Bytes::from_static(b": ping\n\n"),
        }
    }

    /// The end, with a code of RFC 6455 section 7.4; an event stream just ends.
    pub fn close(self, code: u16, reason: &str) -> Bytes {
        match self {
            Self::WebSocket => {
                let reason = &reason.as_bytes()[..reason.len().min(100)];
                let mut out = Vec::with_capacity(reason.len() + 4);
                out.put_u8(0x88);
                #[expect(clippy::cast_possible_truncation, reason = "at most 102")]
                out.put_u8((reason.len() + 2) as u8);
                out.put_u16(code);
                out.put_slice(reason);
                out.into()
            }
            Self::Sse => Bytes::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_as_the_protocol_wants_them() {
        let head = |length: usize| Transport::WebSocket.frame(&vec![b'x'; length], None)[..4].to_vec();
        assert_eq!(head(125)[..3], [0x81, 125, b'x']);
        assert_eq!(head(126), [0x81, 126, 0, 126]);
        assert_eq!(head(0xffff), [0x81, 126, 0xff, 0xff]);
        assert_eq!(Transport::WebSocket.frame(&vec![b'x'; 0x1_0000], None)[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn events_carry_their_place() {
        assert_eq!(Transport::Sse.frame(b"{}", Some("7")), "id: 7\ndata: {}\n\n");
        assert_eq!(Transport::Sse.frame(b"{}", None), "data: {}\n\n");
        assert_eq!(Transport::WebSocket.close(1001, "bye"), [&[0x88, 5, 0x03, 0xe9][..], b"bye"].concat());
    }
}
