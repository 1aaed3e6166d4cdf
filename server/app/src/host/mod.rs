//! What functions may call: the same use cases that the API calls, as the function's caller.
