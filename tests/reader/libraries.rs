//! The traits of libraries for tasks, by the functions that these have for them.

use reapool::FileReader;

use crate::support::cache::forget;
use crate::support::{self, Tended, contents, known_file, scratch, watched};

const LEN: u64 = 3_000_000;

#[test]
fn tokio_reads_and_seeks() {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, SeekFrom};
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", LEN);
        forget(&path);
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut found = Vec::new();
            assert_eq!(reader.read(&mut []).await.unwrap(), 0);
            reader.read_to_end(&mut found).await.unwrap();
            assert!(found == contents(0..LEN));
            assert_eq!(reader.seek(SeekFrom::End(-100)).await.unwrap(), LEN - 100);
            let byte = contents(LEN - 50..LEN - 49)[0];
            found.clear();
            reader.read_until(byte, &mut found).await.unwrap();
            assert!(found == contents(LEN - 100..LEN - 49));
        });
    });
}

#[test]
fn futures_read_and_seek() {
    use futures::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, SeekFrom};
    watched(|| {
        let (directory, jobs) = (scratch(), Tended::new(support::builder()));
        let path = known_file(directory.path(), "known", LEN);
        forget(&path);
        let mut reader = FileReader::builder(&*jobs).open(&path).unwrap();
        futures::executor::block_on(async {
            let mut found = Vec::new();
            assert_eq!(reader.read(&mut []).await.unwrap(), 0);
            reader.read_to_end(&mut found).await.unwrap();
            assert!(found == contents(0..LEN));
            assert_eq!(reader.seek(SeekFrom::End(-100)).await.unwrap(), LEN - 100);
            let byte = contents(LEN - 50..LEN - 49)[0];
            found.clear();
            reader.read_until(byte, &mut found).await.unwrap();
            assert!(found == contents(LEN - 100..LEN - 49));
        });
    });
}
