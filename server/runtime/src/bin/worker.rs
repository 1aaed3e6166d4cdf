//! A worker alone: what the tests and measurements of this crate start. The server starts itself, by `basalt worker`.

fn main() -> std::process::ExitCode {
    basalt_runtime::worker::main()
}
