//! What encodings of an answer the client takes.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap};
use actix_web::{FromRequest, HttpRequest};

use super::contract::{Argument, Contract};
use crate::problem::Problem;

/// Whether the answer may be compressed.
pub(crate) struct TakesGzip(pub(crate) bool);

impl FromRequest for TakesGzip {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(takes_gzip(request.headers()))))
    }
}

impl Argument for TakesGzip {
    fn describe(_: &mut Contract) {}
}

pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).any(|value| value.to_str().is_ok_and(names_gzip))
}

fn names_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|item| {
        let (coding, weight) = item.split_once(';').map_or((item, ""), |(coding, weight)| (coding, weight.trim()));
        let refused = weight.strip_prefix("q=").is_some_and(|q| q.trim_end_matches(['0', '.']).is_empty());
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_where_it_is_named_and_not_refused() {
        for good in ["gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.8", "GZIP"] {
            assert!(names_gzip(good), "{good}");
        }
        for bad in ["", "identity", "br", "gzip;q=0", "gzip; q=0.0", "*", "xgzip"] {
            assert!(!names_gzip(bad), "{bad}");
        }
    }
}
