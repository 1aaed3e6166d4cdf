//! The one error type and its public table of codes.
//!
//! `detail` is for the caller and never holds anything internal; `internal` is for the log alone.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($variant:ident $text:literal $status:literal $title:literal;)*) => {
        /// Every code that an answer can carry; stable, listed in the OpenAPI document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($variant),* }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),* }
            }
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }
    };
}

codes! {
    BadRequest "bad_request" 400 "Bad request";
    BadJson "bad_json" 400 "Malformed JSON";
    UnknownField "unknown_field" 400 "Unknown field";
    UnknownParameter "unknown_parameter" 400 "Unknown query parameter";
    BadParameter "bad_parameter" 400 "Bad parameter";
    BadFilter "bad_filter" 400 "Bad filter";
    BadExpression "bad_expression" 400 "Bad expression";
    BadCursor "bad_cursor" 400 "Bad cursor";
    BadPatch "bad_patch" 400 "Bad patch";
    ResultTooLarge "result_too_large" 400 "Result too large";
    IdMismatch "id_mismatch" 400 "Id mismatch";
    NotSearchable "not_searchable" 400 "Not searchable";
    NotAvailable "not_available" 400 "Not available";
    FormatNotAvailable "format_not_available" 400 "Format not available";
    Overflow "overflow" 400 "Number overflow";
    Unauthenticated "unauthenticated" 401 "Sign-in needed";
    InvalidToken "invalid_token" 401 "Invalid token";
    TokenExpired "token_expired" 401 "Token expired";
    SessionEnded "session_ended" 401 "Session ended";
    InvalidCredentials "invalid_credentials" 401 "Invalid credentials";
    Forbidden "forbidden" 403 "Forbidden";
    RuleDenied "rule_denied" 403 "Denied by a rule";
    RuleMissing "rule_missing" 403 "No rule allows this";
    ScopeMissing "scope_missing" 403 "Scope missing";
    FieldProtected "field_protected" 403 "Protected field";
    ReauthenticationRequired "reauthentication_required" 403 "Fresh sign-in needed";
    SignUpDisabled "sign_up_disabled" 403 "Sign-up is switched off";
    MethodDisabled "method_disabled" 403 "Sign-in method is switched off";
    AccountDisabled "account_disabled" 403 "Account disabled";
    EmailNotVerified "email_not_verified" 403 "E-mail address not confirmed";
    ServiceKeyInBrowser "service_key_in_browser" 403 "Service key in a browser";
    OperatorRoleMissing "operator_role_missing" 403 "Operator role missing";
    OriginRefused "origin_refused" 403 "Origin refused";
    SizeNotAllowed "size_not_allowed" 403 "Size not allowed";
    BadSignature "bad_signature" 403 "Bad signature";
    SignatureExpired "signature_expired" 403 "Signature expired";
    AddressRefused "address_refused" 403 "Address refused";
    RouteNotFound "route_not_found" 404 "Not found";
    DocumentNotFound "document_not_found" 404 "Document not found";
    CollectionNotFound "collection_not_found" 404 "Collection not found";
    UserNotFound "user_not_found" 404 "User not found";
    SessionNotFound "session_not_found" 404 "Session not found";
    KeyNotFound "key_not_found" 404 "Key not found";
    ChannelNotFound "channel_not_found" 404 "Channel not found";
    SubscriptionNotFound "subscription_not_found" 404 "Subscription not found";
    OperatorNotFound "operator_not_found" 404 "Operator not found";
    RoleNotFound "role_not_found" 404 "Role not found";
    ConsumerNotFound "consumer_not_found" 404 "Consumer not found";
    BucketNotFound "bucket_not_found" 404 "Bucket not found";
    FileNotFound "file_not_found" 404 "File not found";
    UploadNotFound "upload_not_found" 404 "Upload not found";
    FunctionNotFound "function_not_found" 404 "Function not found";
    VersionNotFound "version_not_found" 404 "Version not found";
    AliasNotFound "alias_not_found" 404 "Alias not found";
    InvocationNotFound "invocation_not_found" 404 "Invocation not found";
    TaskNotFound "task_not_found" 404 "Task not found";
    SecretNotFound "secret_not_found" 404 "Secret not found";
    ScheduleNotFound "schedule_not_found" 404 "Schedule not found";
    WebhookNotFound "webhook_not_found" 404 "Webhook not found";
    DeliveryNotFound "delivery_not_found" 404 "Delivery not found";
    DeadLetterNotFound "dead_letter_not_found" 404 "Dead letter not found";
    MethodNotAllowed "method_not_allowed" 405 "Method not allowed";
    NotAcceptable "not_acceptable" 406 "Not acceptable";
    DocumentExists "document_exists" 409 "Document exists";
    UniqueConflict "unique_conflict" 409 "Value already taken";
    ConditionFailed "condition_failed" 409 "Condition failed";
    OperatorTypeMismatch "operator_type_mismatch" 409 "Operator does not fit the value";
    PatchFailed "patch_failed" 409 "Patch does not fit the document";
    Referenced "referenced" 409 "Still referenced";
    IdempotencyInProgress "idempotency_in_progress" 409 "Request still running";
    PlanRefused "plan_refused" 409 "Plan refused";
    SetupDone "setup_done" 409 "Set-up is done";
    FileExists "file_exists" 409 "File exists";
    BucketNotEmpty "bucket_not_empty" 409 "Bucket not empty";
    TaskStarted "task_started" 409 "Task already started";
    OffsetMismatch "offset_mismatch" 409 "Upload offset does not match";
    CursorExpired "cursor_expired" 410 "Cursor expired";
    UploadExpired "upload_expired" 410 "Upload expired";
    PreconditionFailed "precondition_failed" 412 "Precondition failed";
    TusVersion "tus_version" 412 "Another version of tus";
    TooLarge "too_large" 413 "Too large";
    BucketFull "bucket_full" 413 "Bucket full";
    UnsupportedMediaType "unsupported_media_type" 415 "Unsupported media type";
    FileTypeRefused "file_type_refused" 415 "File type refused";
    RangeNotSatisfiable "range_not_satisfiable" 416 "Range not satisfiable";
    SchemaViolation "schema_violation" 422 "Schema violation";
    BadImage "bad_image" 422 "Bad image";
    WeakPassword "weak_password" 422 "Password refused";
    InvalidDefinition "invalid_definition" 422 "Invalid definition";
    IdempotencyKeyReused "idempotency_key_reused" 422 "Idempotency key reused";
    UploadLocked "upload_locked" 423 "Upload locked";
    UpgradeRequired "upgrade_required" 426 "Upgrade required";
    RateLimited "rate_limited" 429 "Too many requests";
    QuotaExceeded "quota_exceeded" 429 "Quota exceeded";
    FunctionBusy "function_busy" 429 "Function busy";
    HeadersTooLarge "headers_too_large" 431 "Headers too large";
    ChecksumMismatch "checksum_mismatch" 460 "Checksum mismatch";
    FunctionError "function_error" 400 "Refused by a function";
    FunctionFailed "function_failed" 500 "Function failed";
    FunctionResultInvalid "function_result_invalid" 500 "Result of a function invalid";
    Internal "internal" 500 "Internal error";
    Overloaded "overloaded" 503 "Overloaded";
    FunctionOutOfMemory "function_out_of_memory" 503 "Function out of memory";
    FunctionWorkerLost "function_worker_lost" 503 "Function worker lost";
    OutcomeUnknown "outcome_unknown" 503 "Outcome unknown";
    Unavailable "unavailable" 503 "Unavailable";
    Timeout "timeout" 503 "Timed out";
    FunctionTimeout "function_timeout" 504 "Function timed out";
    CallDepthExceeded "call_depth_exceeded" 508 "Too many calls within calls";
    StorageFull "storage_full" 507 "Storage full";
}

/// One fault of the input: where it is and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// A JSON Pointer into the body, or `/name` of a parameter.
    pub path: String,
    pub code: String,
    pub message: String,
    /// Of an expression: counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl FieldError {
    pub fn new(path: impl Into<String>, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), code: code.into(), message: message.into(), line: None, column: None }
    }
}

#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    extensions: Map<String, Value>,
    retry_after: Option<Duration>,
    internal: Option<String>,
    /// Of an error that a function of the app made: its own status and code.
    own: Option<(u16, Box<str>)>,
}

impl Error {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            extensions: Map::new(),
            retry_after: None,
            internal: None,
            own: None,
        }))
    }

    /// A fault of ours: the caller learns nothing but the request id, the log gets `cause`.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(Code::Internal, "Something went wrong on the server.").caused_by(cause)
    }

    /// What a function of the app refuses with: its own code (snake case, up to 64 characters) and a status of 400 to
    /// 599, or the class's.
    pub fn of_function(status: u16, code: &str, message: impl Into<String>) -> Self {
        let mut error = Self::new(Code::FunctionError, message);
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let good = (1..=64).contains(&code.len()) && code.bytes().all(known);
        let code = if good { code } else { Code::FunctionError.as_str() };
        let status = if (400..600).contains(&status) { status } else { Code::FunctionError.status() };
        error.0.own = Some((status, code.into()));
        error
    }

    pub fn document_not_found() -> Self {
        Self::new(Code::DocumentNotFound, "There is no such document.")
    }

    pub fn collection_not_found(name: &str) -> Self {
        Self::new(Code::CollectionNotFound, format!("There is no collection {name:?}."))
    }

    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "Sign in to do this.")
    }

    pub fn operator_role(least: crate::principal::OperatorRole) -> Self {
        Self::new(Code::OperatorRoleMissing, format!("This needs an operator with at least the role {least:?}."))
    }

    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors.extend(errors);
        self
    }

    /// Adds a further member to the problem document.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extensions.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// What the log says and no answer does.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.internal = Some(cause.to_string());
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }
    /// The code as the answer names it: the code's own text, or that of the function that made the error.
    pub fn code_text(&self) -> &str {
        self.0.own.as_ref().map_or(self.0.code.as_str(), |(_, code)| code)
    }
    pub fn status(&self) -> u16 {
        self.0.own.as_ref().map_or(self.0.code.status(), |(status, _)| *status)
    }
    pub fn detail(&self) -> &str {
        &self.0.detail
    }
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }
    pub fn extensions(&self) -> &Map<String, Value> {
        &self.0.extensions
    }
    pub fn retry_after_hint(&self) -> Option<Duration> {
        self.0.retry_after
    }
    pub fn cause(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code_text(), self.0.detail)
    }
}

/// With the cause, for logs and tests.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        for error in &self.0.errors {
            write!(f, " [{} {}: {}]", error.path, error.code, error.message)?;
        }
        self.0.internal.as_ref().map_or(Ok(()), |cause| write!(f, " (cause: {cause})"))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_has_codes_of_its_own() {
        let error = Error::of_function(418, "unlucky", "not 13");
        assert_eq!((error.code(), error.status(), error.code_text()), (Code::FunctionError, 418, "unlucky"));
        let odd = Error::of_function(200, "No Code", "");
        assert_eq!((odd.status(), odd.code_text()), (400, "function_error"));
    }

    #[test]
    fn codes_are_distinct_snake_case() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.iter().all(|t| t.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
    }
}
