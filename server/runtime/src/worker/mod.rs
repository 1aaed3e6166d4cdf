//! The worker: the child process in which an app's code runs. One thread, one socket, many instances.
//!
//! It believes the server and nothing of the code. What it can't bound by itself (a native loop, a fault of the engine)
//! the server bounds by killing it.

mod bytecode;
mod calls;
mod clock;
mod compile;
mod confine;
mod filter;
mod gauge;
mod instance;
mod modules;
mod natives;
mod outbox;
mod rejections;
mod shared;
mod thrown;
mod timers;

use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::wire::{Frames, Order, Word};
use calls::Calls;
use gauge::Gauge;
use outbox::Outbox;

const READ_BYTES: usize = 64 << 10;

/// Runs as a worker until the server closes the socket, which is standard input.
pub fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        // The socket is gone, or its other end speaks nonsense: there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve() -> std::io::Result<()> {
    let mut socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let writer = socket.try_clone()?;
    let gauge = Gauge::open()?;
    // How the clock is read without a system call is looked up at its first use, in a file.
    let _ = clock::thread_time();
    let [memory, status] = gauge.descriptors();
    confine::confine(&[socket.as_raw_fd(), writer.as_raw_fd(), memory, status])?;
    let filtered = filter::install();
    let out = Outbox::new(writer);
    if let Err(error) = filtered {
        out.say(&Word::Unfiltered { why: error.to_string() }, &[])?;
    }
    let mut calls = Calls::new(out.clone(), gauge)?;
    let mut frames = Frames::default();
    let mut bytes = vec![0; READ_BYTES];
    loop {
        out.flush()?;
        if wait(&socket, calls.next_moment())? {
            let read = socket.read(&mut bytes)?;
            if read == 0 {
                return Ok(());
            }
            frames.buffer.extend_from_slice(&bytes[..read]);
            while let Some((order, body)) = frames.next::<Order>()? {
                calls.obey(order, body)?;
            }
        }
        calls.pass_time()?;
    }
}

/// Waits for bytes or the moment; says whether there are bytes.
fn wait(socket: &UnixStream, until: Option<Instant>) -> std::io::Result<bool> {
    let timeout = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], timeout.as_ref()) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn timespec(duration: Duration) -> Timespec {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: i64::from(duration.subsec_nanos()) }
}
