//! Tells the source for which version of object_store it is: that of the package.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(object_store_0_13)");
    if std::env::var("CARGO_PKG_VERSION_MINOR").is_ok_and(|minor| minor == "13") {
        println!("cargo::rustc-cfg=object_store_0_13");
    }
}
