//! Requests to `http` functions, below the function's own path.

use super::http::door;

door!(get, "/v1/functions/{name}/{tail}", "Get below an `http` function");
door!(post, "/v1/functions/{name}/{tail}", "Post below an `http` function");
door!(put, "/v1/functions/{name}/{tail}", "Put below an `http` function");
door!(patch, "/v1/functions/{name}/{tail}", "Patch below an `http` function");
door!(delete, "/v1/functions/{name}/{tail}", "Delete below an `http` function");
