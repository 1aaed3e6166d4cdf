//! `basalt`

/// Requests allocate on one thread and free on another, many small pieces each: the C library's allocator takes a fifth
/// of a list's time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    basalt::cli::main()
}
