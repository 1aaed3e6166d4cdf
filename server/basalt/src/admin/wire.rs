//! How answers travel over the socket: a JSON object a line.

use basalt_core::{Code, Error, FieldError, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Reply {
    Done(Value),
    Refused(Refusal),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Refusal {
    code: String,
    detail: String,
    errors: Vec<Fault>,
}

#[derive(Serialize, Deserialize)]
struct Fault {
    path: String,
    code: String,
    message: String,
}

impl From<Result<Value>> for Reply {
    fn from(result: Result<Value>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => {
                let fault = |e: &FieldError| {
                    let FieldError { path, code, message, .. } = e.clone();
                    Fault { path, code, message }
                };
                let (code, detail) = (error.code().as_str().to_owned(), error.detail().to_owned());
                Self::Refused(Refusal { code, detail, errors: error.errors().iter().map(fault).collect() })
            }
        }
    }
}

impl From<Reply> for Result<Value> {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Done(value) => Ok(value),
            Reply::Refused(refusal) => {
                let code = Code::ALL.iter().copied().find(|code| code.as_str() == refusal.code);
                let faults = refusal.errors.into_iter().map(|f| FieldError::new(f.path, f.code, f.message)).collect();
                Err(Error::new(code.unwrap_or(Code::Internal), refusal.detail).with_errors(faults))
            }
        }
    }
}
