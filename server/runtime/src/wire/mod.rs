//! What the server and its workers tell each other: a small head in JSON and raw bytes beside it, over one socket.
//!
//! The server believes nothing that a worker says: whatever breaks the rules of this module ends the worker.

mod bundle;
mod frames;

use serde::{Deserialize, Serialize};

pub(crate) use bundle::Bundle;
pub(crate) use frames::{Frames, push};

use crate::report::{LogLevel, Thrown};

/// Numbers of calls, unique in a worker.
pub(crate) type CallNumber = u32;

/// To the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The body is a [`Bundle`]; calls name it by this number.
    Define {
        version: u32,
    },
    /// Its idle instances and its bundle.
    Forget {
        version: u32,
    },
    /// The body is the text of the call and then its input.
    Start(Start),
    /// The body is the value's JSON text and then the reply's bytes.
    Reply {
        call: CallNumber,
        host: u32,
        value: usize,
    },
    Refuse {
        call: CallNumber,
        host: u32,
        refusal: Refusal,
    },
    /// A piece of an answer's body was taken; `open` is false when nobody reads any longer.
    Taken {
        call: CallNumber,
        open: bool,
    },
    Cancel {
        call: CallNumber,
    },
    /// The body is the JSON of [`Modules`]. Answered by `Compiled` or `Faulty`, and then, where it is to be evaluated, by
    /// `Declared` or `Faulty`.
    Compile {
        evaluate: bool,
        bounds: Bounds,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) call: CallNumber,
    pub(crate) version: u32,
    /// Length of the call's text.
    pub(crate) text: usize,
    pub(crate) fresh: bool,
    pub(crate) bounds: Bounds,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Microseconds.
    pub(crate) wall: u64,
    /// Microseconds.
    pub(crate) cpu: u64,
    pub(crate) memory: usize,
    pub(crate) result: usize,
    pub(crate) log: usize,
    pub(crate) host_calls: u32,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// JSON text of an object.
    pub(crate) details: String,
}

/// What is compiled.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Modules {
    pub(crate) entry: String,
    pub(crate) modules: std::collections::BTreeMap<String, String>,
}

/// To the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// Said first, where the kernel filters no calls of the system.
    Unfiltered {
        why: String,
    },
    /// The body is the arguments' JSON text and then the request's bytes.
    Host {
        call: CallNumber,
        host: u32,
        op: String,
        arguments: usize,
    },
    /// The body is the message, the stack where the line is of an error that nobody caught, and the fields' JSON text.
    Log {
        call: CallNumber,
        level: LogLevel,
        message: usize,
        stack: usize,
    },
    /// The body is the JSON text of the headers.
    Head {
        call: CallNumber,
        status: u16,
    },
    Piece {
        call: CallNumber,
    },
    Whole {
        call: CallNumber,
    },
    Ended(Ended),
    /// The body is the bundle.
    Compiled,
    Declared(Vec<Declared>),
    Faulty(Fault),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) call: CallNumber,
    pub(crate) end: End,
    pub(crate) cold: bool,
    /// Whether an instance of the version is idle now because of this.
    pub(crate) kept: bool,
    /// Microseconds.
    pub(crate) cpu: u64,
    pub(crate) memory: u64,
    pub(crate) host_calls: u32,
    pub(crate) logs_dropped: u32,
}

/// An outcome; what was returned is the frame's body.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum End {
    Nothing,
    Returned,
    Threw(Box<Thrown>),
    TimedOut,
    OutOfMemory,
    BadResult(String),
    Canceled,
    /// The version isn't there: the server and the worker disagree.
    Unknown,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Declared {
    pub(crate) export: String,
    pub(crate) kind: crate::Kind,
    pub(crate) subject: Option<String>,
    pub(crate) options: serde_json::Value,
}

/// What is wrong with sources.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fault {
    pub(crate) file: String,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) stack: Option<String>,
}
