use std::io::Write as _;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

type Writer = ZipWriter<Cursor<Vec<u8>>>;

fn archive(make: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    make(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn file(writer: &mut Writer, path: &str, content: &[u8]) {
    writer.start_file(path, SimpleFileOptions::default()).unwrap();
    writer.write_all(content).unwrap();
}

fn files(paths: &[&str]) -> Vec<u8> {
    archive(|writer| paths.iter().for_each(|path| file(writer, path, b"x")))
}

fn code(bytes: &[u8]) -> String {
    unpack(bytes).unwrap_err().errors()[0].code.clone()
}

/// Puts other bytes in the place of these, everywhere.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn files_are_read_and_folders_passed_over() {
    let bytes = archive(|writer| {
        writer.add_directory("functions/", SimpleFileOptions::default()).unwrap();
        file(writer, "functions/add.ts", b"export {}");
        file(writer, "app.toml", b"");
    });
    let bundle = unpack(&bytes).unwrap();
    assert_eq!(bundle.0.keys().collect::<Vec<_>>(), ["app.toml", "functions/add.ts"]);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, expected) in [
        ("../x", "zip_traversal"),
        ("a/../../x", "zip_traversal"),
        ("a\\..\\x", "zip_traversal"),
        ("/etc/passwd", "zip_absolute"),
        ("\\\\host\\x", "zip_absolute"),
        ("C:/x", "zip_absolute"),
        ("a//b", "zip_bad_name"),
        ("./a", "zip_bad_name"),
        ("a\u{0}b", "zip_bad_name"),
        ("a\nb", "zip_bad_name"),
        ("a.", "zip_bad_name"),
        ("a ", "zip_bad_name"),
        ("ab:c", "zip_bad_name"),
        ("a\\b", "zip_bad_name"),
    ] {
        // The writer would make some of these names better.
        let stand_in = "q".repeat(name.len());
        let bytes = replaced(files(&[&stand_in]), stand_in.as_bytes(), name.as_bytes());
        assert_eq!(code(&bytes), expected, "{name:?}");
    }
    let deep = vec!["a"; 17].join("/");
    assert_eq!(code(&files(&[&deep])), "zip_bad_name");
    assert_eq!(code(&files(&["q".repeat(513).as_str()])), "zip_bad_name");
    let bytes = replaced(files(&["qqqq"]), b"qqqq", b"q\xff\xfeq");
    assert_eq!(code(&bytes), "zip_bad_name");
}

#[test]
fn the_same_file_twice_is_refused_also_by_case() {
    assert_eq!(code(&files(&["a.ts", "A.ts"])), "zip_duplicate");
    let bytes = replaced(files(&["qqqq", "zzzz"]), b"zzzz", b"qqqq");
    assert_eq!(code(&bytes), "zip_duplicate");
    assert_eq!(code(&files(&["a", "a/b"])), "zip_duplicate");
}

#[test]
fn links_and_special_files_are_refused() {
    let link = archive(|writer| writer.add_symlink("a", "/etc/passwd", SimpleFileOptions::default()).unwrap());
    assert_eq!(code(&link), "zip_link");
    // A regular file's mode in the directory, made that of a device.
    let plain = archive(|writer| {
        writer.start_file("a", SimpleFileOptions::default().unix_permissions(0o644)).unwrap();
    });
    let attributes = |mode: u32| (mode << 16).to_le_bytes();
    let device = replaced(plain, &attributes(0o100_644), &attributes(0o060_644));
    assert_eq!(code(&device), "zip_special");
}

#[test]
fn bombs_are_refused_by_what_they_say_and_by_what_they_are() {
    let zeros = vec![0; 8 << 20];
    let bomb = archive(|writer| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        writer.start_file("a", options).unwrap();
        writer.write_all(&zeros).unwrap();
    });
    assert_eq!(code(&bomb), "zip_bomb");
    // One that says that it is small.
    let size = |bytes: u32| bytes.to_le_bytes();
    let lying = replaced(bomb, &size(8 << 20), &size(10));
    assert!(["zip_bomb", "zip_broken"].contains(&code(&lying).as_str()));
    let noise: Vec<u8> = (0..9_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let large = archive(|writer| {
        for name in 0..8 {
            writer
                .start_file(
                    name.to_string(),
                    SimpleFileOptions::default().compression_method(CompressionMethod::Stored),
                )
                .unwrap();
            writer.write_all(&noise).unwrap();
        }
    });
    assert_eq!(code(&large), "zip_too_large");
}

#[test]
fn too_many_entries_are_refused() {
    let names: Vec<String> = (0..=ENTRIES).map(|n| n.to_string()).collect();
    assert_eq!(code(&files(&names.iter().map(String::as_str).collect::<Vec<_>>())), "zip_too_many");
}

#[test]
fn encrypted_and_broken_archives_are_refused() {
    let plain = archive(|writer| {
        writer.start_file("a", SimpleFileOptions::default().compression_method(CompressionMethod::Stored)).unwrap();
        writer.write_all(b"hello").unwrap();
    });
    // The flag of encryption, in the directory's record: eight bytes behind its signature.
    let mut encrypted = plain.clone();
    let at = (0..encrypted.len()).find(|at| encrypted[*at..].starts_with(&SIGNATURE)).unwrap();
    encrypted[at + 8] |= 1;
    assert_eq!(code(&encrypted), "zip_encrypted");
    for bad in [&b""[..], b"not a zip", &plain[..plain.len() - 8], &plain[4..20]] {
        assert_eq!(code(bad), "zip_broken");
    }
    // Bytes of the file that aren't what was packed.
    assert_eq!(code(&replaced(plain, b"hello", b"jello")), "zip_broken");
}
