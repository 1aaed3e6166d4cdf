//! Events, ticks among them, as functions get them. Nobody calls: the function has a visitor's rights, and a service's
//! where it says so.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use basalt_core::principal::Request;
use basalt_core::{Caller, Code, DocumentId, Error, Principal};
use basalt_data::events::{Delivery, Lane, Received, Receiver, Target, TargetKind};
use basalt_runtime::{Input, Kind};

use super::run::Run;
use super::{Calls, outcome};
use crate::functions::records::InvokedBy;
use crate::functions::{LIVE, sticky};

/// Beyond the function's own time: until its turn comes, and to write down what became of it.
const GRACE: Duration = Duration::from_secs(15);
/// Deliveries to one function on one node; further ones wait in the queue of jobs.
const AT_ONCE: usize = 32;

impl Receiver for Calls {
    fn lane(&self, target: &Target) -> Option<Lane> {
        if target.kind != TargetKind::Function {
            return None;
        }
        let deployed = self.registry.deployed();
        let config = &deployed.function(&target.name)?.newest_live()?.config;
        Some(Lane {
            concurrency: config.concurrency.clamp(1, AT_ONCE),
            tries: config.retries.saturating_add(1),
            timeout: config.timeout.saturating_add(GRACE),
        })
    }

    fn receive<'a>(&'a self, delivery: &'a Delivery) -> Pin<Box<dyn Future<Output = Received> + Send + 'a>> {
        Box::pin(async move {
            match self.deliver(delivery).await {
                Ok(()) => Received::Done,
                Err(error) => received(&error),
            }
        })
    }
}

impl Calls {
    async fn deliver(&self, delivery: &Delivery) -> Result<(), Error> {
        let Delivery { target, event, attempt, invocation } = delivery;
        // Every try of one event goes to the same version, for as long as the alias has it.
        let resolved = self.registry.resolve(&target.name, Some(LIVE), sticky(&event.id))?;
        let kind = resolved.version.config.kind;
        if matches!(kind, Kind::Http | Kind::BeforeDocument | Kind::BeforeUser) {
            let detail = format!("{} takes no events any more.", target.name);
            return Err(Error::new(Code::FunctionNotFound, detail));
        }
        let mut request = Request::new(event.request_id.clone(), self.db.now(), None, "EVENT");
        (request.trace, request.depth) = (event.trace, event.depth);
        let is_tick = event.source.starts_with("/v1/schedules/");
        let run = Run {
            id: DocumentId::parse(invocation).unwrap_or_else(|_| self.new_id()),
            resolved,
            caller: Caller { principal: Principal::Visitor, request },
            by: if is_tick { InvokedBy::Schedule } else { InvokedBy::Event },
            input: Input::Json(event.to_json(*attempt).to_string().into()),
            idempotency_key: Some(event.id.clone()),
            attempt: *attempt,
        };
        self.run(run).await.map(drop)
    }
}

/// Whatever a function throws is tried again, but where it says that this is in vain.
fn received(error: &Error) -> Received {
    match error.code() {
        Code::FunctionNotFound | Code::AliasNotFound => Received::Gone,
        // However often it came, it would be as deep.
        Code::CallDepthExceeded => Received::Refused { error: told(error) },
        _ if outcome::is_final(error) => Received::Refused { error: told(error) },
        _ => Received::Retry { at: None, error: told(error) },
    }
}

pub(in crate::functions) fn told(error: &Error) -> String {
    let cause = error.cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
    format!("{}: {}{cause}", error.code_text(), error.detail())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fails_is_tried_again_unless_the_function_says_otherwise() {
        let refusal = |details| outcome::refusal(400, "no", String::new(), details);
        assert!(matches!(received(&refusal(json!({}))), Received::Retry { .. }));
        assert!(matches!(received(&refusal(json!({"retry": false}))), Received::Refused { .. }));
        let failed = Error::new(Code::FunctionFailed, "It failed.").caused_by("TypeError: x");
        let Received::Retry { error, .. } = received(&failed) else { panic!("it is tried again") };
        assert_eq!(error, "function_failed: It failed. (TypeError: x)");
        assert_eq!(received(&Error::new(Code::FunctionNotFound, "")), Received::Gone);
    }
}
