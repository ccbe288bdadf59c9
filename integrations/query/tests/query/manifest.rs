//! The store's manifest for object_store 0.13 differs from the one for 0.14 in that version alone.

use std::path::Path;

/// The lines of `[dependencies]` that say something, without versions of object_store and paths.
fn dependencies(manifest: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(manifest)).unwrap();
    let (_, section) = text.split_once("\n[dependencies]\n").unwrap();
    let section = section.split("\n[").next().unwrap();
    let lines = section.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let plain = |line: &str| match line.split_once("path = ") {
        Some((before, _)) => before.to_owned(),
        None => line.replace("version = \"0.13\"", "version = \"0.14\""),
    };
    lines.map(plain).collect()
}

#[test]
fn both_manifests_have_the_same_dependencies() {
    let for_13 = dependencies("object_store-0.13/Cargo.toml");
    assert!(for_13.iter().any(|line| line.starts_with("object_store = ")), "{for_13:?}");
    assert_eq!(for_13, dependencies("../object_store/Cargo.toml"));
}
