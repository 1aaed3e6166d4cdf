//! Requests to `http` functions, below the function's own path.

use super::http::door;

door!(
    get,
    "/v1/functions/{name}/{tail}",
    "Get below an http function",
    ("tail" = String, Path, description = "What follows of the path")
);
door!(
    post,
    "/v1/functions/{name}/{tail}",
    "Post below an http function",
    ("tail" = String, Path, description = "What follows of the path")
);
door!(
    put,
    "/v1/functions/{name}/{tail}",
    "Put below an http function",
    ("tail" = String, Path, description = "What follows of the path")
);
door!(
    patch,
    "/v1/functions/{name}/{tail}",
    "Patch below an http function",
    ("tail" = String, Path, description = "What follows of the path")
);
door!(
    delete,
    "/v1/functions/{name}/{tail}",
    "Delete below an http function",
    ("tail" = String, Path, description = "What follows of the path")
);
