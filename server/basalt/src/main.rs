//! `basalt`

fn main() -> std::process::ExitCode {
    basalt::cli::main()
}
