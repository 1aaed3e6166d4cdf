//! What the engine threw, as a call's end.

use rquickjs::{Ctx, Error, Exception, Type, Value};

use crate::report::Thrown;
use crate::wire::End;

/// What the engine says when an allocation fails.
const NO_MEMORY: &str = "out of memory";

/// The name of what is thrown as `null`.
pub(super) const NULL: &str = "null";

pub(super) fn of(ctx: &Ctx<'_>, error: &Error) -> End {
    if error.is_exception() { of_value(&ctx.catch()) } else { of_engine(error) }
}

/// An error that isn't a value of the engine.
pub(super) fn of_engine(error: &Error) -> End {
    match error {
        Error::Allocation => End::OutOfMemory,
        _ => says(&error.to_string()),
    }
}

pub(super) fn says(message: &str) -> End {
    let (name, message) = ("Error".to_owned(), message.to_owned());
    end(Thrown { refusal: None, name, message, stack: None })
}

/// An error as the prelude has described it.
pub(super) fn end(thrown: Thrown) -> End {
    if is_no_memory(&thrown.name, &thrown.message) { End::OutOfMemory } else { End::Threw(Box::new(thrown)) }
}

fn of_value(value: &Value<'_>) -> End {
    // The engine may have had no memory for the error: who knows how much there was decides.
    if value.is_null() || value.type_of() == Type::Uninitialized {
        return end(Thrown { refusal: None, name: NULL.to_owned(), message: NULL.to_owned(), stack: None });
    }
    let Some(exception) = value.as_object().cloned().and_then(Exception::from_object) else {
        return says("the module threw what is no error");
    };
    let name = exception.as_object().get::<_, String>("name").unwrap_or_else(|_| "Error".to_owned());
    let (message, stack) = (exception.message().unwrap_or_default(), exception.stack());
    end(Thrown { refusal: None, name, message, stack })
}

fn is_no_memory(name: &str, message: &str) -> bool {
    name == "InternalError" && message == NO_MEMORY
}
