//! `/v1/realtime`.

mod channels;
mod frames;
mod look_ups;
mod resume;
mod rights;
mod slow;
mod sse;
mod subscribe;
mod windows;
