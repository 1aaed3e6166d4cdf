//! Memory that holds this program's own code.

use std::ffi::c_void;
use std::io::Result;
use std::path::Path;

use rustix::mm::{Advice, madvise};

/// Lets go of this program's code in memory; it stays in the system's cache, from where what is run again comes back.
///
/// A start runs far more of it than what follows, which would count as this process's memory for as long as it lives.
pub fn let_go_of_code() -> Result<()> {
    let program = std::fs::read_link("/proc/self/exe")?;
    let mappings = std::fs::read_to_string("/proc/self/maps")?;
    for (from, to) in mappings.lines().filter_map(|line| code_of(line, &program)) {
        let address = std::ptr::with_exposed_provenance_mut::<c_void>(from);
        #[expect(unsafe_code, reason = "the kernel is told by address and length")]
        // SAFETY: code is mapped from its file and never written, so what comes back is what was there.
        unsafe { madvise(address, to - from, Advice::LinuxDontNeed) }?;
    }
    Ok(())
}

/// Where a line of `/proc/self/maps` begins and ends, if it is of code in this file.
fn code_of(line: &str, program: &Path) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    let is_code = fields.next() == Some("r-xp");
    let file = fields.nth(3)?;
    if !is_code || Path::new(file) != program {
        return None;
    }
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_program_itself_is_let_go_of() {
        let of = |line| code_of(line, Path::new("/usr/bin/basalt"));
        let code = "55d0-55f0 r-xp 00001000 fe:00 12 /usr/bin/basalt";
        assert_eq!(of(code), Some((0x55d0, 0x55f0)));
        for other in [
            "55d0-55f0 r--p 00001000 fe:00 12 /usr/bin/basalt",
            "55d0-55f0 rw-p 00001000 fe:00 12 /usr/bin/basalt",
            "55d0-55f0 r-xp 00001000 fe:00 12 /usr/lib/libc.so.6",
            "55d0-55f0 r-xp 00000000 00:00 0 [vdso]",
            "55d0-55f0 r-xp 00000000 00:00 0",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_program_goes_on() {
        let_go_of_code().unwrap();
        assert_eq!(std::hint::black_box(vec![1, 2, 3]).iter().sum::<i32>(), 6);
    }
}
