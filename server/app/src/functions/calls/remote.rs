//! Functions elsewhere: a signed CloudEvent to their URL, whose answer is their result.

use std::sync::atomic::Ordering;

use basalt_core::{Result, Timestamp};
use basalt_outbound::{Caps, CloudEvent, Egress, Fault, FaultKind, Incoming, Message, SigningSecret};
use basalt_runtime::{Input, Kind, Limits, Outcome, Thrown};
use bytes::Bytes;
use serde_json::Value;

use super::Calls;
use super::record::{Recorder, Took};
use super::run::Run;
use crate::functions::config::{Remote, Source};

/// Of an answer that isn't the function's own.
const SHOWN: usize = 256;

impl Calls {
    pub(super) async fn run_elsewhere(&self, run: Run, recorder: Recorder) -> Result<Option<Bytes>> {
        let (id, resolved) = (run.id.clone(), run.resolved.clone());
        let outcome = match self.post(run, &recorder).await {
            Ok(outcome) => outcome,
            Err(fault) => of_fault(&fault),
        };
        self.conclude(&resolved, &id, outcome, (Took::default(), recorder))
    }

    async fn post(&self, run: Run, recorder: &Recorder) -> Result<Outcome, Fault> {
        let Run { id, resolved, input, idempotency_key, attempt, caller, .. } = run;
        let config = &resolved.version.config;
        let (Source::Remote(Remote { url, secret }), Input::Json(body)) = (&config.source, input) else {
            return Ok(thrown(None, "This function can't run elsewhere."));
        };
        let secret = match secret {
            None => None,
            Some(name) => match self
                .registry
                .secret(name, &resolved.alias)
                .and_then(|secret| SigningSecret::parse(secret.expose()))
            {
                Some(secret) => Some(secret),
                None => return Ok(thrown(None, &format!("The secret {name} is missing, or signs nothing."))),
            },
        };
        let key = idempotency_key.unwrap_or_else(|| id.to_string());
        let own = format!("/v1/functions/{}", resolved.version.function);
        let event = attributes(config.kind, &body, key, own, recorder.call.started_at);
        let headers = vec![
            ("basalt-invocation".to_owned(), id.to_string()),
            ("basalt-attempt".to_owned(), attempt.to_string()),
            ("basalt-user".to_owned(), caller.user().map_or_else(String::new, |user| user.id.to_string())),
        ];
        let message = Message {
            url: url.clone(),
            event,
            body: body.clone(),
            secrets: secret.into_iter().collect(),
            headers: headers.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
            trace: Some(recorder.call.trace),
            at: self.db.now(),
        };
        let most = Limits::default().result;
        let caps = Caps { time: config.timeout, body_bytes: most, ..Caps::default() };
        let count = |bytes: usize| recorder.call.traffic.fetch_add(bytes as u64, Ordering::Relaxed);
        count(body.len());
        // Its URL is named by who deploys, not by who calls.
        let mut answer = self.guarded.post(message, &Egress::of_operators(), caps).await?;
        let bytes = answer.bytes().await?;
        count(bytes.len());
        Ok(of_answer(&answer, bytes))
    }
}

/// An event goes out as what it is; other calls are events of the function itself.
fn attributes(kind: Kind, body: &[u8], id: String, own: String, time: Timestamp) -> CloudEvent {
    #[derive(serde::Deserialize)]
    struct Known {
        r#type: String,
        source: String,
        subject: Option<String>,
    }
    let named = |name: &str| (name.to_owned(), own, None);
    let (r#type, source, subject) = match kind {
        Kind::Callable | Kind::Http => named("basalt.function.called"),
        Kind::BeforeDocument => named("basalt.document.before"),
        Kind::BeforeUser => named("basalt.user.before"),
        Kind::OnDocument | Kind::OnFile | Kind::OnUser | Kind::OnMessage | Kind::OnSchedule => {
            match serde_json::from_slice::<Known>(body) {
                Ok(known) => (known.r#type, known.source, known.subject),
                Err(_) => named("basalt.function.called"),
            }
        }
    };
    CloudEvent { id, r#type, source, subject, time }
}

/// 2xx is the result; a problem with a code is what it refused with; anything else a failure.
fn of_answer(answer: &Incoming, body: Bytes) -> Outcome {
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    of_parts(answer.status, json, body)
}

fn of_parts(status: u16, json: Option<Value>, body: Bytes) -> Outcome {
    match (status, json) {
        (200..=299, _) if body.is_empty() => Outcome::Returned(None),
        (200..=299, Some(_)) => Outcome::Returned(Some(body)),
        (200..=299, None) => Outcome::BadResult("The answer is no JSON.".to_owned()),
        (400..=599, Some(Value::Object(mut problem))) => {
            let Some(Value::String(code)) = problem.remove("code") else { return unexpected(status, &body) };
            let message = match (problem.remove("message"), problem.remove("detail")) {
                (Some(Value::String(text)), _) | (_, Some(Value::String(text))) => text,
                _ => "The function refused.".to_owned(),
            };
            let details = match problem.remove("details") {
                Some(details @ Value::Object(_)) => details,
                _ => Value::Object(problem),
            };
            thrown(Some((code, status, details)), &message)
        }
        _ => unexpected(status, &body),
    }
}

fn unexpected(status: u16, body: &[u8]) -> Outcome {
    let start = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned();
    thrown(None, &format!("It answered {status}: {start}"))
}

fn thrown(refusal: Option<(String, u16, Value)>, message: &str) -> Outcome {
    let (name, message) = ("RemoteError".to_owned(), message.to_owned());
    Outcome::Threw(Thrown { refusal, name, message, stack: None })
}

fn of_fault(fault: &Fault) -> Outcome {
    match fault.kind {
        FaultKind::Timeout => Outcome::TimedOut,
        FaultKind::Busy => Outcome::Overloaded,
        FaultKind::TooLarge => Outcome::BadResult(fault.message.clone()),
        _ => thrown(None, &fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(status: u16, body: &str) -> Outcome {
        of_parts(status, serde_json::from_str(body).ok(), Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn an_answer_from_elsewhere_is_a_result_a_refusal_or_a_failure() {
        assert_eq!(answered(200, "{\"sum\":3}"), Outcome::Returned(Some(Bytes::from_static(b"{\"sum\":3}"))));
        assert_eq!(answered(204, ""), Outcome::Returned(None));
        assert!(matches!(answered(200, "<html>"), Outcome::BadResult(_)));
        let refused = answered(422, "{\"code\":\"unlucky\",\"message\":\"not 13\",\"n\":13}");
        let Outcome::Threw(Thrown { refusal: Some((code, status, details)), message, .. }) = refused else { panic!() };
        assert_eq!((code.as_str(), status, message.as_str(), details), ("unlucky", 422, "not 13", json!({"n": 13})));
        for (status, body) in [(500, "oops"), (500, "{}"), (302, ""), (404, "{\"error\":1}")] {
            assert!(matches!(answered(status, body), Outcome::Threw(Thrown { refusal: None, .. })), "{status} {body}");
        }
    }
}
