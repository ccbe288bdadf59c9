//! Text as a buffer of writes. A read could put bytes there that are no text, so it takes none.
//!
//! ```
//! # use reapool::{FileHandle, Job};
//! # let file = FileHandle::open_buffered("Cargo.toml").unwrap();
//! let job: Job = Job::write(&file, String::from("text"), 0, |_| ());
//! ```
//!
//! ```compile_fail,E0277
//! # use reapool::{FileHandle, Job};
//! # let file = FileHandle::open_buffered("Cargo.toml").unwrap();
//! let job: Job = Job::read(&file, String::from("text"), 0, |_| ());
//! ```
//!
//! Safety: the memory is that of a vector or a slice, and the argument is the same as in `mod.rs`.

#![expect(unsafe_code, reason = "the contract between buffers and the kernel")]

use crate::buffer::IoBuf;

// SAFETY: the heap block of a string stays where it is while the string is moved, and changes only
// through it; `len` of its bytes are initialised.
unsafe impl IoBuf for String {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

// SAFETY: the text is not moved while it is borrowed, which is as long as its type is valid. Shared
// text is not changed meanwhile.
unsafe impl IoBuf for &str {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}
