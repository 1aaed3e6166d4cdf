//! Which calls of the system are left to the worker: memory, waiting, the clock, chance, what is open already, its own
//! signals, and its end. Whatever else is asked for is refused by the kernel.
//!
//! It lists what is allowed, not what harms: from here on the worker opens nothing and starts nothing, so what it uses is
//! little and the same with every kernel and C library, while what could harm grows with each kernel. The answer to the
//! others is an error and not the process's end, since allocators and the C library try calls that they can do without.
//! No memory can be made executable: bytecode is interpreted.

use std::collections::BTreeMap;

use libc::{
    SYS_brk, SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_close, SYS_exit, SYS_exit_group, SYS_futex,
    SYS_getpid, SYS_getrandom, SYS_gettid, SYS_gettimeofday, SYS_madvise, SYS_mmap, SYS_mprotect, SYS_mremap,
    SYS_munmap, SYS_nanosleep, SYS_ppoll, SYS_pread64, SYS_read, SYS_recvfrom, SYS_restart_syscall, SYS_rt_sigaction,
    SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sched_yield, SYS_sendto, SYS_sigaltstack, SYS_tgkill, SYS_tkill,
    SYS_write, SYS_writev,
};
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

const ALLOWED: &[i64] = &[
    SYS_brk,
    SYS_madvise,
    SYS_mremap,
    SYS_munmap,
    SYS_futex,
    SYS_ppoll,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    // Waiting goes on by it when the process was stopped meanwhile.
    SYS_restart_syscall,
    SYS_sched_yield,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_read,
    SYS_pread64,
    SYS_recvfrom,
    SYS_write,
    SYS_writev,
    SYS_sendto,
    SYS_close,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_getpid,
    SYS_gettid,
    SYS_exit,
    SYS_exit_group,
];

/// By these the process may signal itself: that is how it aborts.
const SIGNALS: [i64; 2] = [SYS_tgkill, SYS_tkill];
/// The third argument of these is what the memory is for.
const PROTECTIONS: [i64; 2] = [SYS_mmap, SYS_mprotect];

/// For all threads: there is one, and no other can be started.
pub(super) fn install() -> Result<(), Error> {
    seccompiler::apply_filter_all_threads(&program()?)
}

fn program() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    for call in SIGNALS {
        rules.insert(call, vec![where_argument(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?]);
    }
    for call in PROTECTIONS {
        let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
        rules.insert(call, vec![where_argument(2, SeccompCmpOp::MaskedEq(executable), 0)?]);
    }
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let here = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, refused, SeccompAction::Allow, here)?.try_into()
}

fn where_argument(number: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(number, SeccompCmpArgLen::Dword, is, value)?])
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Error as Failure;
    use std::net::TcpListener;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::Command;

    use rustix::process::{DumpableBehavior, Pid};

    use super::*;

    /// Set in the process that gives itself up, this test's program once more: a file that is there.
    const CONFINED: &str = "BASALT_TEST_CONFINED";

    #[test]
    fn what_the_worker_has_no_use_for_is_refused() {
        #[expect(clippy::disallowed_methods, reason = "the test tells itself which of the two processes it is")]
        if let Some(file) = std::env::var_os(CONFINED) {
            return confined(Path::new(&file));
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "worker::filter::tests::what_the_worker_has_no_use_for_is_refused", "--nocapture"]);
        let ended = again.env(CONFINED, &file).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success() && said.contains("1 passed"), "{ended:?}");
    }

    /// In a process of its own, which is of no use afterwards.
    fn confined(file: &Path) {
        let parent = rustix::process::getppid().unwrap();
        super::super::confine::confine(&[]).unwrap();
        install().unwrap();
        no_files(file);
        no_others(parent);
        no_more_rights();
        nothing_that_is_not_listed();
        // What it needs is left to it.
        assert!(std::hint::black_box(vec![1_u8; 64 << 20]).iter().all(|byte| *byte == 1));
        std::thread::sleep(std::time::Duration::from_millis(1));
        let mut bytes = [0_u8; 32];
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).unwrap();
    }

    fn refused(what: &str, outcome: Result<(), Failure>) {
        assert_eq!(outcome.map_err(|error| error.raw_os_error()), Err(Some(libc::EPERM)), "{what}");
    }

    fn no_files(file: &Path) {
        refused("read a file", File::open(file).map(drop));
        refused("make a file", File::create(file.with_extension("new")).map(drop));
        refused("rename", std::fs::rename(file, file.with_extension("other")));
        refused("link", std::fs::hard_link(file, file.with_extension("other")));
        refused("delete", std::fs::remove_file(file));
        refused("make a folder", std::fs::create_dir(file.with_extension("folder")));
        refused("look", std::fs::metadata(file).map(drop));
    }

    fn no_others(parent: Pid) {
        refused("a socket of the net", TcpListener::bind("127.0.0.1:0").map(drop));
        refused("a socket", UnixDatagram::unbound().map(drop));
        refused("a pair of sockets", UnixStream::pair().map(drop));
        refused("another program", Err(Command::new("/bin/true").exec()));
        refused("a process", Command::new("/bin/true").spawn().map(drop));
        refused("a thread", std::thread::Builder::new().spawn(|| ()).map(drop));
        refused("the parent's signals", rustix::process::test_kill_process(parent).map_err(Failure::from));
    }

    fn no_more_rights() {
        let dumpable = rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable);
        refused("to be looked into", dumpable.map_err(Failure::from));
        let (readable, executable) = (i64::from(libc::PROT_READ), i64::from(libc::PROT_EXEC));
        let anonymous = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        refused("executable memory", asked(SYS_mmap, [0, 4096, readable | executable, anonymous, -1, 0]));
        refused("memory to be executable", asked(SYS_mprotect, [0, 0, readable | executable, 0, 0, 0]));
        refused("to signal others", asked(SYS_tgkill, [1, 1, 0, 0, 0, 0]));
        refused("to signal another", asked(SYS_tkill, [1, 0, 0, 0, 0, 0]));
    }

    fn nothing_that_is_not_listed() {
        let listed = |call: i64| ALLOWED.contains(&call) || SIGNALS.contains(&call) || PROTECTIONS.contains(&call);
        // The kernel's own probes, which only they can use: it ends who does else, whatever filters say.
        let probes = if cfg!(target_arch = "x86_64") { 335..337 } else { 0..0 };
        for call in (0..1_024).filter(|call| !listed(*call) && !probes.contains(call)) {
            refused(&format!("call {call}"), asked(call, [0; 6]));
        }
        // The other numbers of the same calls.
        #[cfg(target_arch = "x86_64")]
        for call in (0..1_024).filter(|call| !probes.contains(call)) {
            refused(&format!("call {call} of x32"), asked(call | 0x4000_0000, [0; 6]));
        }
    }

    fn asked(call: i64, arguments: [i64; 6]) -> Result<(), Failure> {
        let [first, second, third, fourth, fifth, sixth] = arguments;
        #[expect(unsafe_code, reason = "the kernel refuses all that is asked here")]
        // SAFETY: see the reason.
        let answer = unsafe { libc::syscall(call, first, second, third, fourth, fifth, sixth) };
        if answer == -1 { Err(Failure::last_os_error()) } else { Ok(()) }
    }
}
