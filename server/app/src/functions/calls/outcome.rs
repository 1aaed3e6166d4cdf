//! What becomes of a call, as its caller is told.

use std::time::Duration;

use basalt_core::{Code, DocumentId, Error};
use basalt_runtime::{Outcome, Thrown};
use serde_json::Value;

use super::gate;
use crate::functions::Redactor;
use crate::functions::records::{InvocationOutcome, RecordedError};

/// The members of a problem document that a function's details don't replace.
const RESERVED: [&str; 9] =
    ["type", "title", "status", "code", "detail", "requestId", "errors", "instance", "invocationId"];
/// Names the call in problems.
pub(super) const INVOCATION: &str = "invocationId";

/// What a function threw that its caller is to know, or the class of its failure.
pub(super) fn error(outcome: Outcome, function: &str, invocation: &DocumentId) -> Option<Error> {
    let told = |code: Code, detail: String| Error::new(code, detail).with(INVOCATION, invocation.as_str());
    let soon = Duration::from_secs(1);
    Some(match outcome {
        Outcome::Returned(_) => return None,
        Outcome::Threw(Thrown { refusal: Some((code, status, details)), message, .. }) => {
            refusal(status, &code, message, details).with(INVOCATION, invocation.as_str())
        }
        Outcome::Threw(thrown) => failed(invocation).caused_by(format!("{}: {}", thrown.name, thrown.message)),
        Outcome::TimedOut => told(Code::FunctionTimeout, "The function took too long, and was stopped.".to_owned()),
        Outcome::OutOfMemory => {
            told(Code::FunctionOutOfMemory, "The function needed more memory than it may have.".to_owned())
        }
        Outcome::BadResult(why) => bad_result(invocation).caused_by(why),
        Outcome::WorkerLost => {
            let detail = "The function's process ended with it under way; call it again.".to_owned();
            told(Code::FunctionWorkerLost, detail).retry_after(soon)
        }
        Outcome::Overloaded => gate::busy(function),
    })
}

/// Without the secrets that the function was given, wherever it put them.
pub(super) fn redacted(outcome: Outcome, redactor: &Redactor) -> Outcome {
    match outcome {
        Outcome::Threw(Thrown { refusal, name, message, stack }) => Outcome::Threw(Thrown {
            refusal: refusal.map(|(code, status, details)| (code, status, redactor.value(details))),
            name: redactor.text(&name).into_owned(),
            message: redactor.text(&message).into_owned(),
            stack: stack.map(|stack| redactor.text(&stack).into_owned()),
        }),
        Outcome::BadResult(why) => Outcome::BadResult(redactor.text(&why).into_owned()),
        other => other,
    }
}

/// Tells nothing but where to look.
pub(super) fn failed(invocation: &DocumentId) -> Error {
    let detail = "The function failed; its logs say why.";
    Error::new(Code::FunctionFailed, detail).with(INVOCATION, invocation.as_str())
}

pub(super) fn bad_result(invocation: &DocumentId) -> Error {
    let detail = "The function's result is none that it may have; its logs say why.";
    Error::new(Code::FunctionResultInvalid, detail).with(INVOCATION, invocation.as_str())
}

/// A `FunctionError`: its details are members of the problem, as the SDK shows them.
pub(super) fn refusal(status: u16, code: &str, message: String, details: Value) -> Error {
    let mut error = Error::of_function(status, code, message);
    match details {
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members.into_iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())) {
                error = error.with(&name, value);
            }
        }
        other => error = error.with("details", other),
    }
    error
}

/// Whether the function said that another try is in vain: `new FunctionError(code, message, { retry: false })`.
pub(in crate::functions) fn is_final(error: &Error) -> bool {
    error.code() == Code::FunctionError && error.extensions().get("retry") == Some(&Value::Bool(false))
}

/// As it is written down; what was thrown whole, unlike what the caller is told.
pub(super) fn recorded(outcome: &Outcome) -> (InvocationOutcome, Option<RecordedError>) {
    let of_code = |code: Code, message: &str| {
        Some(RecordedError { code: code.as_str().to_owned(), message: message.to_owned(), stack: None })
    };
    match outcome {
        Outcome::Returned(_) => (InvocationOutcome::Succeeded, None),
        Outcome::Threw(Thrown { refusal, name, message, stack }) => {
            let code = refusal.as_ref().map_or(Code::FunctionFailed.as_str(), |(code, ..)| code.as_str()).to_owned();
            let message = if refusal.is_some() { message.clone() } else { format!("{name}: {message}") };
            let outcome = if refusal.is_some() { InvocationOutcome::Refused } else { InvocationOutcome::Failed };
            (outcome, Some(RecordedError { code, message, stack: stack.clone() }))
        }
        Outcome::TimedOut => (InvocationOutcome::TimedOut, of_code(Code::FunctionTimeout, "It took too long.")),
        Outcome::OutOfMemory => {
            (InvocationOutcome::OutOfMemory, of_code(Code::FunctionOutOfMemory, "It needed too much memory."))
        }
        Outcome::BadResult(why) => (InvocationOutcome::BadResult, of_code(Code::FunctionResultInvalid, why)),
        Outcome::WorkerLost => {
            (InvocationOutcome::WorkerLost, of_code(Code::FunctionWorkerLost, "Its process ended with it under way."))
        }
        Outcome::Overloaded => (InvocationOutcome::Busy, of_code(Code::FunctionBusy, "There was no room for it.")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(outcome: Outcome) -> Error {
        error(outcome, "add", &DocumentId::parse("i1").unwrap()).unwrap()
    }

    fn thrown(refusal: Option<(String, u16, Value)>) -> Outcome {
        let (name, message) = ("TypeError".to_owned(), "secret path".to_owned());
        Outcome::Threw(Thrown { refusal, name, message, stack: Some("at /functions/add.ts:3:4".to_owned()) })
    }

    #[test]
    fn what_a_function_says_reaches_its_caller_and_what_it_didnt_mean_to_say_doesnt() {
        let details = json!({"n": 13, "status": 200, "requestId": "x"});
        let error = told(thrown(Some(("unlucky".to_owned(), 418, details))));
        assert_eq!((error.status(), error.code_text(), error.detail()), (418, "unlucky", "secret path"));
        assert_eq!(Value::Object(error.extensions().clone()), json!({"n": 13, "invocationId": "i1"}));
        let error = told(thrown(Some(("odd".to_owned(), 400, json!([1])))));
        assert_eq!(error.extensions().get("details"), Some(&json!([1])));
        let error = told(thrown(None));
        assert_eq!((error.status(), error.code()), (500, Code::FunctionFailed));
        assert!(!error.detail().contains("secret") && error.extensions()["invocationId"] == "i1");
    }

    #[test]
    fn limits_have_codes_of_their_own() {
        for (outcome, status, code) in [
            (Outcome::TimedOut, 504, "function_timeout"),
            (Outcome::OutOfMemory, 503, "function_out_of_memory"),
            (Outcome::WorkerLost, 503, "function_worker_lost"),
            (Outcome::BadResult("a function".to_owned()), 500, "function_result_invalid"),
            (Outcome::Overloaded, 429, "function_busy"),
        ] {
            let error = told(outcome);
            assert_eq!((error.status(), error.code_text()), (status, code));
        }
        assert!(told(Outcome::WorkerLost).retry_after_hint().is_some());
        assert!(error(Outcome::Returned(None), "add", &DocumentId::parse("i").unwrap()).is_none());
    }

    #[test]
    fn only_a_function_says_that_it_is_not_to_be_tried_again() {
        assert!(is_final(&refusal(400, "gone", String::new(), json!({"retry": false}))));
        assert!(!is_final(&refusal(400, "gone", String::new(), json!({"retry": true}))));
        assert!(!is_final(&Error::new(Code::FunctionFailed, "x").with("retry", false)));
    }
}
