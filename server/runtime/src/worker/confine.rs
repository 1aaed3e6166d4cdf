//! What the process gives up before it reads a byte: files, children, privileges, a life longer than the server's.
//!
//! These, and the [filter](super::filter) after them, are for the day on which the engine itself is broken out of; until
//! then code has no way to any of them.

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

/// Of the whole process; the server watches what is really used.
const ADDRESS_SPACE: u64 = 8 << 30;

/// What stays open is `keep`, beside the standard descriptors.
pub(super) fn confine(keep: &[RawFd]) -> std::io::Result<()> {
    close_others(keep)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // What is open stays open; the waiting for the socket asks for one.
    limit(Resource::Nofile, 1)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nproc, 0)?;
    limit(Resource::Memlock, 0)?;
    limit(Resource::Msgqueue, 0)?;
    limit(Resource::As, ADDRESS_SPACE)
}

/// The server opens nothing that a child inherits, but who started the server may have.
fn close_others(keep: &[RawFd]) -> std::io::Result<()> {
    let list = std::fs::read_dir("/proc/self/fd")?;
    let open = list.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let open: Vec<RawFd> = open.filter(|descriptor| *descriptor > 2 && !keep.contains(descriptor)).collect();
    for descriptor in open {
        #[expect(unsafe_code, reason = "the process has just started: nobody in it has opened any of these")]
        // SAFETY: see the reason; the one that listed them is closed, and is looked up here.
        let owned = unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned().is_ok();
        if owned {
            #[expect(unsafe_code, reason = "as above")]
            // SAFETY: as above.
            drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
        }
    }
    Ok(())
}

fn limit(resource: Resource, value: u64) -> std::io::Result<()> {
    rustix::process::setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
    Ok(())
}
