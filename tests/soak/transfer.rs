//! Reads and writes of shelves.

use reapool::{Completion, Job, Ranged};

use crate::dice::Dice;
use crate::errand::{Errand, Terms};
use crate::ledger::{Kind, Outcome};
use crate::memory::Memory;
use crate::shelf::Span;
use crate::stamp::BLOCK;

pub(crate) fn read<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    span: Span,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let file = span.shelf().file().clone();
    let (offset, len) = (span.offset(), span.len());
    let memory = Memory::any(dice, &errand.realm.world.pool, len, file.is_direct()).spoil();
    let callback = move |done: Completion<Memory>| {
        let outcome = errand.judge(&done, span.shelf().is_faulty);
        errand.compare(&span, offset, done.data());
        errand.look_beside([&done.buffer]);
        drop((span, done));
        end(errand.conclude(outcome))
    };
    Job::read(file, memory, offset, callback).limit(len)
}

pub(crate) fn read_range<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    span: Span,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let file = span.shelf().file().clone();
    let skip = dice.below(span.len());
    let len = dice.between(1, span.len() - skip);
    let offset = span.offset() + skip as u64;
    let memory = Memory::any(dice, &errand.realm.world.pool, span.len(), file.is_direct()).spoil();
    let callback = move |done: Completion<Ranged<Memory>>| {
        let outcome = errand.judge(&done, span.shelf().is_faulty);
        if done.result.is_ok() {
            errand.compare(&span, offset, &done.buffer);
        }
        let memory = done.buffer.into_inner();
        errand.look_beside([&memory]);
        drop((span, memory, done.file));
        end(errand.conclude(outcome))
    };
    Job::read_range(file, memory, offset, len, callback)
}

pub(crate) fn read_vectored<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    span: Span,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let file = span.shelf().file().clone();
    let offset = span.offset();
    let direct = file.is_direct();
    let memory = pieces(dice, &span).into_iter();
    let memory: Vec<_> = memory.map(|len| Memory::exactly(dice, len, direct).spoil()).collect();
    let callback = move |mut done: Completion<Vec<Memory>>| {
        let outcome = errand.judge(&done, span.shelf().is_faulty);
        let (mut rest, mut offset) = (done.transferred, offset);
        for memory in &mut done.buffer {
            let bytes = memory.bytes_mut();
            let count = rest.min(bytes.len());
            errand.compare(&span, offset, &bytes[..count]);
            (rest, offset) = (rest - count, offset + count as u64);
        }
        if rest > 0 {
            errand.tell(crate::trouble::Trouble::Mismatch, "more was read than the buffers have");
        }
        errand.look_beside(&done.buffer);
        drop((span, done));
        end(errand.conclude(outcome))
    };
    Job::read_vectored(file, memory, offset, callback)
}

pub(crate) fn write<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    span: Span,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let file = span.shelf().file().clone();
    let (offset, len) = (span.offset(), span.len());
    let mut memory = Memory::any(dice, &errand.realm.world.pool, len, file.is_direct());
    span.fill(memory.bytes_mut(), 0);
    let callback = move |mut done: Completion<Memory>| {
        let outcome = errand.judge(&done, span.shelf().is_faulty);
        errand.look_beside([&done.buffer]);
        let mut image = vec![0; len];
        span.fill(&mut image, 0);
        if done.buffer.bytes_mut() != image {
            errand.tell(crate::trouble::Trouble::Mismatch, "a write changed its buffer");
        }
        end(written(errand, span, outcome, done.transferred))
    };
    Job::write(file, memory, offset, callback)
}

pub(crate) fn write_vectored<R: Send + 'static>(
    errand: Errand,
    dice: &mut Dice,
    span: Span,
    end: impl FnOnce(u64) -> R + Send + 'static,
) -> Job<R> {
    let file = span.shelf().file().clone();
    let offset = span.offset();
    let direct = file.is_direct();
    let mut memory = Vec::new();
    let mut skip = 0;
    for len in pieces(dice, &span) {
        let mut piece = Memory::exactly(dice, len, direct);
        span.fill(piece.bytes_mut(), skip);
        skip += len / BLOCK;
        memory.push(piece);
    }
    let callback = move |done: Completion<Vec<Memory>>| {
        let outcome = errand.judge(&done, span.shelf().is_faulty);
        errand.look_beside(&done.buffer);
        end(written(errand, span, outcome, done.transferred))
    };
    Job::write_vectored(file, memory, offset, callback)
}

/// Lengths, in whole blocks, that make up the span.
fn pieces(dice: &mut Dice, span: &Span) -> Vec<usize> {
    let mut rest = span.len() / BLOCK;
    let mut pieces = Vec::new();
    while rest > 0 {
        let count = dice.between(1, rest);
        pieces.push(count * BLOCK);
        rest -= count;
    }
    pieces
}

/// Notes what a write has written, and reads it back, or not. Returns the job's number.
fn written(mut errand: Errand, mut span: Span, outcome: Outcome, count: usize) -> u64 {
    let is_untouched = match outcome {
        Outcome::Done | Outcome::Short => true,
        // Before it was under way; but an exact one may have written a part.
        Outcome::Cancelled | Outcome::Late => count == 0,
        Outcome::Fault => false,
    };
    span.settle(count, is_untouched);
    if errand.dice.one_in(2) {
        let mut dice = errand.dice.fork();
        let (span, realm) = (span.into_read(), errand.realm.clone());
        errand.follow(|fuel| {
            let place = (Kind::Read, span.shelf().name);
            let terms = Terms { exact: dice.one_in(2), ..Terms::default() };
            let errand = Errand::new(&realm, &mut dice, place, terms, fuel);
            terms.put(read(errand, &mut dice, span, |_| ()))
        });
    } else {
        drop(span);
    }
    errand.conclude(outcome)
}
