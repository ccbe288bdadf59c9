//! Scopes: jobs that borrow a buffer of the caller's.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reapool::{AlignedBuf, ScopedJob};

use crate::dice::Dice;
use crate::ledger::{Kind, Outcome, Tally, take_back};
use crate::realm::{Deliberate, Realm};
use crate::shelf::{Purpose, Span};
use crate::stamp::BLOCK;
use crate::trouble::Trouble;

/// Reads blocks into the parts of one buffer, and compares when the scope is over.
pub(crate) fn step(realm: &Arc<Realm>, dice: &mut Dice) {
    let Some(span) = realm.world.reserve(dice, Purpose::Read) else { return };
    let panicking = dice.one_in(40).then(|| dice.below(span.len() / BLOCK));
    let mut buffer = AlignedBuf::zeroed(span.len());
    let callbacks = AtomicU64::new(0);
    let read: Vec<AtomicU64> = (0..span.len() / BLOCK).map(|_| AtomicU64::new(0)).collect();
    let fill = |buffer: &mut AlignedBuf| {
        realm.submitter.scope(|scope| {
            for (index, part) in buffer.chunks_mut(BLOCK).enumerate() {
                let (callbacks, read) = (&callbacks, &read[index]);
                let panics = panicking == Some(index);
                let job = one(realm, &span, index, part, callbacks, read, panics);
                let refused = if index % 2 == 0 {
                    scope.submit(job).err()
                } else {
                    // Joined or not, the scope waits for it. A panic that is joined isn't its own.
                    scope.spawn(job).map(drop).err()
                };
                if let Some(refused) = refused {
                    realm.world.troubles.tell(Trouble::Surprise, refused.kind());
                    take_back(refused);
                }
            }
        })
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| fill(&mut buffer)));
    match (&outcome, panicking) {
        (Ok(Ok(())), None) | (Err(_), Some(_)) => {}
        (outcome, _) => {
            let what = format!("{}: a scope ended with {outcome:?}, {panicking:?}", realm.name);
            realm.world.troubles.tell(Trouble::Surprise, what);
        }
    }
    let jobs = (span.len() / BLOCK) as u64;
    realm.world.troubles.compare("a scope's jobs and callbacks", jobs, callbacks.into_inner());
    for (index, (part, count)) in buffer.chunks(BLOCK).zip(read).enumerate() {
        let part = &part[..count.into_inner() as usize];
        Tally::add(&realm.tally().compared, part.len() as u64);
        if let Err(difference) = span.check(span.offset() + (index * BLOCK) as u64, part) {
            realm.world.troubles.tell(Trouble::Mismatch, difference);
        }
    }
}

fn one<'a>(
    realm: &'a Arc<Realm>,
    span: &'a Span,
    index: usize,
    part: &'a mut [u8],
    callbacks: &'a AtomicU64,
    read: &'a AtomicU64,
    panics: bool,
) -> ScopedJob<'a> {
    let token = realm.ledger.issue(Kind::Read, span.shelf().name);
    let offset = span.offset() + (index * BLOCK) as u64;
    ScopedJob::read(span.shelf().file(), part, offset, move |done| {
        read.store(done.transferred as u64, Ordering::Relaxed);
        callbacks.fetch_add(1, Ordering::Relaxed);
        let is_faulty = span.shelf().is_faulty;
        let outcome = match &done.result {
            Ok(BLOCK) => Outcome::Done,
            Ok(_) if is_faulty => Outcome::Short,
            Err(_) if is_faulty => Outcome::Fault,
            other => {
                let what = format!("{}: in a scope, {other:?}", realm.name);
                realm.world.troubles.tell(Trouble::Surprise, what);
                Outcome::Done
            }
        };
        token.ran(outcome);
        if panics {
            Tally::add(&realm.tally().panics, 1);
            panic_any(Deliberate);
        }
    })
}
