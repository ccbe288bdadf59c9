//! Checks the checksums that files list.

use std::collections::VecDeque;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use blake3::{Hash, OUT_LEN, OutputReader};

use crate::check_line::CheckLine;
use crate::hashing::{Done, Hashed, Hashing};
use crate::shared::input::is_stdin;
use crate::shared::interrupt::Interrupt;
use crate::shared::names::escaped;
use crate::shared::screen::Screen;
use crate::standard_input::StandardInput;

/// How much of a file of checksums is read at a time.
const PIECE: usize = 64 << 10;

/// Checks all that is listed in these files. Failures are counted on the screen.
pub(crate) fn check(
    hashing: &Hashing<'_>,
    lists: &[PathBuf],
    is_quiet: bool,
) -> Result<Done, Box<dyn Error>> {
    let expected = Arc::new(Mutex::new(VecDeque::new()));
    let awaited = Arc::clone(&expected);
    let lines = lines(lists.to_vec(), hashing.interrupt.clone(), hashing.screen.clone());
    let paths = lines.map(move |line| {
        let path = line.path.clone();
        awaited.lock().unwrap_or_else(PoisonError::into_inner).push_back(line);
        path
    });
    // Pipes can be read only once.
    let can_count = lists.iter().all(|list| !is_stdin(list) && list.is_file());
    let counted = can_count.then(|| {
        let (interrupt, screen) = (hashing.interrupt.clone(), hashing.screen.for_a_count());
        self::lines(lists.to_vec(), interrupt, screen).map(|line| line.path)
    });
    let mut output = hashing.output;
    hashing.run(paths, counted, |_, hashed| {
        let line = expected.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        // Paths are told in the order in which their lines were read.
        let Some(CheckLine { shown, expected, .. }) = line else { return Ok(()) };
        let verdict = match verdict(hashed, expected) {
            Ok(()) if is_quiet => return Ok(()),
            Ok(()) => "OK".to_owned(),
            Err(why) => {
                hashing.screen.count_failure();
                format!("FAILED{why}")
            }
        };
        // At once, so that no bar comes between its parts.
        output.write_all(format!("{shown}: {verdict}\n").as_bytes())
    })
}

fn verdict(hashed: Hashed, expected: Hash) -> Result<(), String> {
    let mut found: OutputReader = hashed.map_err(|reason| format!(" ({reason})"))?;
    let mut bytes = [0; OUT_LEN];
    found.fill(&mut bytes);
    if expected == bytes { Ok(()) } else { Err(String::new()) }
}

/// The lines of all lists that can be understood. What is wrong with the others is reported.
fn lines(
    lists: Vec<PathBuf>,
    interrupt: Interrupt,
    screen: Screen,
) -> impl Iterator<Item = CheckLine> + Send + 'static {
    lists.into_iter().flat_map(move |list| {
        let opened = open(&list, &interrupt);
        let failed = opened.as_ref().err().map(|error| error.to_string());
        if let Some(reason) = failed {
            screen.fail(&list, reason);
        }
        let reader = opened.into_iter().map(|file| BufReader::with_capacity(PIECE, file));
        let (screen, interrupt) = (screen.clone(), interrupt.clone());
        reader.flat_map(move |reader| List {
            list: list.clone(),
            reader,
            number: 0,
            interrupt: interrupt.clone(),
            screen: screen.clone(),
        })
    })
}

fn open(list: &Path, interrupt: &Interrupt) -> io::Result<Box<dyn Read + Send>> {
    Ok(if is_stdin(list) {
        Box::new(StandardInput::new(interrupt))
    } else {
        Box::new(File::open(list)?)
    })
}

/// The lines of one list.
struct List {
    list: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    /// Of the line that was read last.
    number: u64,
    interrupt: Interrupt,
    screen: Screen,
}

impl Iterator for List {
    type Item = CheckLine;

    fn next(&mut self) -> Option<CheckLine> {
        let mut line = Vec::new();
        loop {
            line.clear();
            match self.reader.read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) => self.number += 1,
                Err(_) if self.interrupt.has_come() => return None,
                Err(error) => {
                    self.screen.fail(&self.list, error);
                    return None;
                }
            }
            match CheckLine::parse(&line) {
                Ok(line) => return Some(line),
                Err(reason) => {
                    let place = format!("{}:{}", escaped(&self.list).0, self.number);
                    self.screen.fail(Path::new(&place), reason);
                }
            }
        }
    }
}
