//! `/v1/realtime`.

mod frames;
mod look_ups;
mod resume;
mod rights;
mod slow;
mod sse;
mod subscribe;
mod windows;
