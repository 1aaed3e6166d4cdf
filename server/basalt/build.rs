//! How the binary is linked: relative relocations in their short form, which are 2 MB otherwise.

#[expect(clippy::disallowed_methods, reason = "Cargo tells build scripts so what they build for")]
fn is(name: &str, value: &str) -> bool {
    std::env::var(name).is_ok_and(|found| found == value)
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
