//! What becomes of a file's bytes. It is the same function for all contenders.

use std::cell::RefCell;
use std::io::{self, BufRead, Write};

use zstd::stream::write::Encoder;
use zstd::zstd_safe::{CCtx, CParameter, ResetDirective};

use super::workload::Workload;

/// The fastest level that zstd counts from.
const LEVEL: i32 = 1;

thread_local! {
    /// The memory of this thread's compressor.
    static CONTEXT: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
}

/// Copies a file, or compresses it.
pub(super) fn transform(
    workload: Workload,
    from: &mut impl BufRead,
    to: &mut impl Write,
) -> io::Result<()> {
    if workload == Workload::Compress { compress(from, to) } else { copy(from, to) }
}

/// As [`io::copy`], but without a buffer of its own.
fn copy(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    loop {
        let bytes = from.fill_buf()?;
        let count = bytes.len();
        if count == 0 {
            return Ok(());
        }
        to.write_all(bytes)?;
        from.consume(count);
    }
}

fn compress(from: &mut impl BufRead, to: &mut impl Write) -> io::Result<()> {
    let code = |code| io::Error::other(zstd::zstd_safe::get_error_name(code));
    CONTEXT.with_borrow_mut(|context| {
        // An error of another file may have left the context in its middle.
        context.reset(ResetDirective::SessionOnly).map_err(code)?;
        context.set_parameter(CParameter::CompressionLevel(LEVEL)).map_err(code)?;
        let mut encoder = Encoder::with_context(to, context);
        copy(from, &mut encoder)?;
        encoder.finish().map(drop)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Workload, transform};
    use crate::file_runs::tree::{Contents, tests};

    #[test]
    fn words_are_compressed_to_a_third_and_random_bytes_are_not() {
        for (contents, part) in [(Contents::Words, 0.2..0.4), (Contents::Random, 1.0..1.01)] {
            let tree = tests::tree(&[1 << 20], contents);
            let bytes = fs::read(&tree.paths[0]).unwrap();
            let mut compressed = Vec::new();
            transform(Workload::Compress, &mut &bytes[..], &mut compressed).unwrap();
            let found = compressed.len() as f64 / bytes.len() as f64;
            assert!(part.contains(&found), "{contents:?}: {found}");
        }
    }
}
