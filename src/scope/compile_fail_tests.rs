//! Tests of what must not compile, each behind something very similar that does.
//!
//! They run with `cargo test --doc compile_fail_tests`. Only nightly toolchains compare the error
//! codes. Elsewhere the similar one makes it likely that a failure has no other reason.
//!
//! # A buffer of the body's is gone before the scope is over
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::read(&file, &mut buffer[..], 0, |_| ())).unwrap();
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     let mut buffer = [0; 8];
//!     scope.submit(ScopedJob::read(&file, &mut buffer[..], 0, |_| ())).unwrap();
//! }).unwrap();
//! ```
//!
//! # A buffer belongs to its job until the scope is over
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::read(&file, &mut buffer[..], 0, |_| ())).unwrap();
//! }).unwrap();
//! buffer[0] = 1;
//! ```
//!
//! ```compile_fail,E0506
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::read(&file, &mut buffer[..], 0, |_| ())).unwrap();
//!     buffer[0] = 1;
//! }).unwrap();
//! ```
//!
//! # Two jobs don't read into the same bytes
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.scope(|scope| {
//!     let (left, right) = buffer.split_at_mut(4);
//!     scope.submit(ScopedJob::read(&file, left, 0, |_| ())).unwrap();
//!     scope.submit(ScopedJob::read(&file, right, 4, |_| ())).unwrap();
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0499
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::read(&file, &mut buffer[..], 0, |_| ())).unwrap();
//!     scope.submit(ScopedJob::read(&file, &mut buffer[..], 4, |_| ())).unwrap();
//! }).unwrap();
//! ```
//!
//! # Bytes that are being written are not changed
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::write(&file, &buffer[..], 0, |_| ())).unwrap();
//!     assert_eq!(buffer[0], 0);
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0506
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::write(&file, &buffer[..], 0, |_| ())).unwrap();
//!     buffer[0] = 1;
//! }).unwrap();
//! ```
//!
//! # A file is not closed under its job
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::sync_all(&file, |_| ())).unwrap();
//! }).unwrap();
//! drop(file);
//! ```
//!
//! ```compile_fail,E0505
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::sync_all(&file, |_| ())).unwrap();
//!     drop(file);
//! }).unwrap();
//! ```
//!
//! # The file that a callback gets back is borrowed still
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let kept = std::sync::Mutex::new(Vec::new());
//! dispatcher.scope(|scope| {
//!     let keep = |done: Completion<(), _>| kept.lock().unwrap().push(done.file);
//!     scope.submit(ScopedJob::sync_all(&file, keep)).unwrap();
//! }).unwrap();
//! drop(kept);
//! drop(file);
//! ```
//!
//! ```compile_fail,E0505
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let kept = std::sync::Mutex::new(Vec::new());
//! dispatcher.scope(|scope| {
//!     let keep = |done: Completion<(), _>| kept.lock().unwrap().push(done.file);
//!     scope.submit(ScopedJob::sync_all(&file, keep)).unwrap();
//! }).unwrap();
//! drop(file);
//! drop(kept);
//! ```
//!
//! # So is the buffer
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let buffer = Box::new([0; 8]);
//! let kept = std::sync::Mutex::new(Vec::new());
//! dispatcher.scope(|scope| {
//!     let keep = |done: Completion<_, _>| kept.lock().unwrap().push(done.buffer);
//!     scope.submit(ScopedJob::write(&file, &buffer[..], 0, keep)).unwrap();
//! }).unwrap();
//! drop(kept);
//! drop(buffer);
//! ```
//!
//! ```compile_fail,E0505
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let buffer = Box::new([0; 8]);
//! let kept = std::sync::Mutex::new(Vec::new());
//! dispatcher.scope(|scope| {
//!     let keep = |done: Completion<_, _>| kept.lock().unwrap().push(done.buffer);
//!     scope.submit(ScopedJob::write(&file, &buffer[..], 0, keep)).unwrap();
//! }).unwrap();
//! drop(buffer);
//! drop(kept);
//! ```
//!
//! # A handle lives no longer than what its value borrows
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let word = String::from("borrowed");
//! let handle = dispatcher.scope(|scope| scope.spawn(ScopedJob::nop(|| &word)).unwrap()).unwrap();
//! assert_eq!(handle.join().unwrap(), "borrowed");
//! drop(word);
//! ```
//!
//! ```compile_fail,E0505
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let word = String::from("borrowed");
//! let handle = dispatcher.scope(|scope| scope.spawn(ScopedJob::nop(|| &word)).unwrap()).unwrap();
//! drop(word);
//! assert_eq!(handle.join().unwrap(), "borrowed");
//! ```
//!
//! # A callback refers to nothing of the body's
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut count = 0;
//! dispatcher.scope(|scope| {
//!     let add = 5;
//!     scope.submit(ScopedJob::nop({ let count = &mut count; move || *count += add })).unwrap();
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     let mut count = 0;
//!     scope.submit(ScopedJob::nop({ let count = &mut count; move || *count += 5 })).unwrap();
//! }).unwrap();
//! ```
//!
//! # A callback may go to another thread
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let shared = std::sync::Arc::new(5);
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::nop(|| assert_eq!(*shared, 5))).unwrap();
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let shared = std::rc::Rc::new(5);
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::nop(|| assert_eq!(*shared, 5))).unwrap();
//! }).unwrap();
//! ```
//!
//! # A callback's value may come from another thread
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     drop(scope.spawn(ScopedJob::nop(|| std::sync::Arc::new(5))).unwrap());
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     drop(scope.spawn(ScopedJob::nop(|| std::rc::Rc::new(5))).unwrap());
//! }).unwrap();
//! ```
//!
//! # A scope doesn't leave its body
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut kept = None;
//! dispatcher.scope(|scope| kept = Some(scope.flush())).unwrap();
//! assert_eq!(kept, Some(Ok(())));
//! ```
//!
//! ```compile_fail,E0521
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut kept = None;
//! dispatcher.scope(|scope| kept = Some(scope)).unwrap();
//! assert_eq!(kept.unwrap().flush(), Ok(()));
//! ```
//!
//! # A scope is for its own jobs, not for those that live on
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     scope.submit(ScopedJob::nop(move || scope.flush().unwrap())).unwrap();
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0521
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| {
//!     dispatcher.submit(Job::nop(move || scope.flush().unwrap())).unwrap();
//! }).unwrap();
//! ```
//!
//! # A scope doesn't pass for a shorter one
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! fn same<'b, 'env>(scope: &'b Scope<'b, 'env>) -> &'b Scope<'b, 'env> {
//!     scope
//! }
//! ```
//!
//! ```compile_fail
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! fn shorter<'a, 'b: 'a, 'env>(scope: &'a Scope<'b, 'env>) -> &'a Scope<'a, 'env> {
//!     scope
//! }
//! ```
//!
//! # A scope inside takes what the one around it has, and not the reverse
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|outer| {
//!     dispatcher.scope(|inner| {
//!         inner.submit(ScopedJob::nop(move || outer.flush().unwrap())).unwrap();
//!     }).unwrap();
//! }).unwrap();
//! ```
//!
//! ```compile_fail,E0521
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|outer| {
//!     dispatcher.scope(|inner| {
//!         outer.submit(ScopedJob::nop(move || inner.flush().unwrap())).unwrap();
//!     }).unwrap();
//! }).unwrap();
//! ```
//!
//! # A scoped job is for scopes
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.scope(|scope| scope.submit(ScopedJob::nop(|| ())).unwrap()).unwrap();
//! ```
//!
//! ```compile_fail,E0308
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.submit(ScopedJob::nop(|| ())).unwrap();
//! ```
//!
//! # Other jobs borrow nothing
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! static BYTES: [u8; 8] = [0; 8];
//! dispatcher.submit(Job::write(file, &BYTES[..], 0, |_| ())).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let buffer = [0; 8];
//! dispatcher.submit(Job::write(file, &buffer[..], 0, |_| ())).unwrap();
//! ```
//!
//! # Nor do they read into what is borrowed
//!
//! ```
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! dispatcher.submit(Job::read(file, vec![0; 8], 0, |_| ())).unwrap();
//! ```
//!
//! ```compile_fail,E0597
//! # use reapool::{BorrowedFile, Completion, Dispatcher, Job, JobHandle, Scope, ScopedJob};
//! # let dispatcher = Dispatcher::new().unwrap();
//! # let file = std::fs::File::open("Cargo.toml").unwrap();
//! let mut buffer = [0; 8];
//! dispatcher.submit(Job::read(file, &mut buffer[..], 0, |_| ())).unwrap();
//! ```
