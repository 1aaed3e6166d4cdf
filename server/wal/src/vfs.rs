//! The file system that SQLite is given.
#![expect(unsafe_code, reason = "SQLite calls its file systems through tables of C functions")]

use std::alloc::Layout;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::slice;
use std::sync::OnceLock;

use rusqlite::ffi::{
    SQLITE_CANTOPEN, SQLITE_IOERR, SQLITE_OK, SQLITE_OPEN_WAL, sqlite3_file, sqlite3_initialize, sqlite3_int64,
    sqlite3_io_methods, sqlite3_vfs, sqlite3_vfs_find, sqlite3_vfs_register,
};

use crate::held::{Held, Write};

const NAME: &CStr = c"basalt";

/// The name of the file system, for a connection's opening; `None` if SQLite has none of its own.
pub fn vfs() -> Option<&'static CStr> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    REGISTERED.get_or_init(register).then_some(NAME)
}

/// SQLite's own, but for the opening of files. It lives as long as the process.
fn register() -> bool {
    // SAFETY: the default file system is never taken away, and neither is ours (it is leaked); what is copied of it
    // doesn't look at the table that it is called with.
    unsafe {
        if sqlite3_initialize() != SQLITE_OK {
            return false;
        }
        let Some(system) = sqlite3_vfs_find(std::ptr::null()).as_mut() else { return false };
        let Ok(before) = c_int::try_from(SYSTEM_FILE) else { return false };
        let ours = sqlite3_vfs {
            szOsFile: before + system.szOsFile,
            pNext: std::ptr::null_mut(),
            zName: NAME.as_ptr(),
            xOpen: Some(open),
            ..*system
        };
        sqlite3_vfs_register(Box::into_raw(Box::new(ours)), 0) == SQLITE_OK
    }
}

/// The start of what SQLite keeps for an open log; the file system's own file follows at [`SYSTEM_FILE`].
#[repr(C)]
struct Log {
    base: sqlite3_file,
    held: Held,
}

/// SQLite's files begin at multiples of eight.
const SYSTEM_FILE: usize = Layout::new::<Log>().size().next_multiple_of(8);

/// A file of the file system that SQLite has of itself.
struct System(*mut sqlite3_file);

/// Calls a method of the file system's own file, which has all that a file of version 1 has.
macro_rules! call {
    ($file:expr, $method:ident $(, $argument:expr)*) => {{
        let file: *mut sqlite3_file = $file;
        (*(*file).pMethods).$method.map_or(SQLITE_IOERR, |method| method(file $(, $argument)*))
    }};
}

impl Write for System {
    fn write(&mut self, bytes: &[u8], at: u64) -> Result<(), i32> {
        let (Ok(length), Ok(at)) = (c_int::try_from(bytes.len()), sqlite3_int64::try_from(at)) else {
            return Err(SQLITE_IOERR);
        };
        // SAFETY: the file is open for as long as the log that holds it.
        match unsafe { call!(self.0, xWrite, bytes.as_ptr().cast(), length, at) } {
            SQLITE_OK => Ok(()),
            error => Err(error),
        }
    }
}

/// The log that SQLite means, and the file under it.
///
/// # Safety
/// `file` was opened by [`open`] as a log and isn't closed. SQLite calls the methods of a file one after the other.
unsafe fn parts<'a>(file: *mut sqlite3_file) -> (&'a mut Held, System) {
    // SAFETY: `open` laid both out there.
    unsafe { (&mut (*file.cast::<Log>()).held, System(file.byte_add(SYSTEM_FILE))) }
}

unsafe extern "C" fn open(
    _: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives as many bytes as the file system asked for (`szOsFile`), in which both parts have room.
    unsafe {
        let system = sqlite3_vfs_find(std::ptr::null());
        let Some(open) = system.as_ref().and_then(|system| system.xOpen) else { return SQLITE_CANTOPEN };
        if flags & SQLITE_OPEN_WAL == 0 {
            return open(system, name, file, flags, flags_out);
        }
        (*file).pMethods = std::ptr::null();
        let under: *mut sqlite3_file = file.byte_add(SYSTEM_FILE);
        (*under).pMethods = std::ptr::null();
        let opened = open(system, name, under, flags, flags_out);
        if opened == SQLITE_OK {
            file.cast::<Log>()
                .write(Log { base: sqlite3_file { pMethods: &raw const METHODS }, held: Held::default() });
        } else if !(*under).pMethods.is_null() {
            // What is told is that it wasn't opened.
            let _ = call!(under, xClose);
        }
        opened
    }
}

/// Version 1: a log has neither locks nor memory of its own that is shared.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, length: c_int, at: sqlite3_int64) -> c_int {
    let (Ok(length), Ok(at)) = (usize::try_from(length), u64::try_from(at)) else { return SQLITE_IOERR };
    // SAFETY: as `parts` asks; SQLite says how many bytes there are.
    unsafe {
        let (held, mut system) = parts(file);
        held.write(slice::from_raw_parts(bytes.cast(), length), at, &mut system).err().unwrap_or(SQLITE_OK)
    }
}

/// A method that looks at the file as a whole, or changes it: what is held comes first.
macro_rules! after_what_is_held {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*);)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $kind),*) -> c_int {
            // SAFETY: as `parts` asks; the arguments are SQLite's.
            unsafe {
                let (held, mut system) = parts(file);
                match held.flush(&mut system) {
                    Ok(()) => call!(system.0, $method $(, $argument)*),
                    Err(error) => error,
                }
            }
        }
    )*};
}

after_what_is_held! {
    read = xRead(bytes: *mut c_void, length: c_int, at: sqlite3_int64);
    truncate = xTruncate(size: sqlite3_int64);
    sync = xSync(flags: c_int);
    file_size = xFileSize(size: *mut sqlite3_int64);
}

/// What isn't about the file's bytes.
macro_rules! passed_on {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*);)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $kind),*) -> c_int {
            // SAFETY: as `parts` asks; the arguments are SQLite's.
            unsafe { call!(parts(file).1.0, $method $(, $argument)*) }
        }
    )*};
}

passed_on! {
    lock = xLock(level: c_int);
    unlock = xUnlock(level: c_int);
    check_reserved_lock = xCheckReservedLock(is_locked: *mut c_int);
    file_control = xFileControl(what: c_int, value: *mut c_void);
    sector_size = xSectorSize();
    device_characteristics = xDeviceCharacteristics();
}

/// Frames whose transaction's last never came are not of the database.
unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: as `parts` asks; SQLite doesn't use the file after it.
    unsafe {
        let closed = call!(parts(file).1.0, xClose);
        file.cast::<Log>().drop_in_place();
        closed
    }
}
