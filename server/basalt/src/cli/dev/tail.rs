//! What functions do meanwhile: their logs, their calls, and the mails that are sent.

use std::collections::VecDeque;
use std::time::Duration;

use basalt_core::Code;
use serde_json::Value;

use super::show::Show;
use crate::cli::server::{Server, query};

const EVERY: Duration = Duration::from_millis(400);
/// After a stream that ended.
const PAUSE: Duration = Duration::from_secs(1);
/// Of one look.
const MOST: u32 = 50;
/// What was shown lately.
const REMEMBERED: usize = 1_000;

/// Goes on until it is dropped.
pub(super) async fn follow(server: &Server, show: &Show) {
    let logs = async {
        loop {
            let path = format!("/v1/admin/logs{}", query(&[("follow", Some("true".to_owned()))]));
            if let Err(error) = server.follow(&path, |line| show.log(&line)).await {
                tracing::debug!(?error, "the logs can't be followed");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let calls = poll(server, "/v1/admin/invocations", |record| show.invocation(record));
    let mails = poll(server, "/v1/admin/outbox", |mail| show.mail(mail));
    tokio::join!(logs, calls, mails);
}

/// Shows what is new in a list that has the newest first, each once. What was there before is old.
async fn poll(server: &Server, path: &str, show: impl Fn(&Value)) {
    let mut seen = Seen::default();
    let path = format!("{path}{}", query(&[("limit", Some(MOST.to_string()))]));
    let mut is_first = true;
    loop {
        match server.get(&path).await {
            Ok(page) => {
                for item in page["items"].as_array().into_iter().flatten().rev() {
                    let id = item["id"].as_str().unwrap_or_default();
                    if seen.is_new(id) && !is_first {
                        show(item);
                    }
                }
                is_first = false;
            }
            // A server of another version, which has no such list.
            Err(error) if matches!(error.code(), Code::RouteNotFound | Code::NotAvailable) => {
                return std::future::pending().await;
            }
            Err(error) => tracing::debug!(?error, "what is new can't be read"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[derive(Default)]
struct Seen(VecDeque<String>);

impl Seen {
    fn is_new(&mut self, id: &str) -> bool {
        if self.0.iter().any(|known| known == id) {
            return false;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(id.to_owned());
        true
    }
}
