//! The contenders that read, one family a file.

mod compio;
mod contract;
mod crew;
mod dispatcher;
mod io_engine;
mod latency;
mod pools;
mod raw;
#[path = "../../../modes/recycled.rs"]
mod recycled;
mod threads;
mod uring;
mod uring_pool;

use std::sync::Arc;

use reapool::{AlignedBuf, PoolBuf};

use crate::contender::Contender as Name;
use crate::load::Load;
use crate::memory::Buffer;
use crate::task::Memory;
use contract::Contender;

/// Makes a contender ready to run: starts its threads, allocates its buffers, opens its files. The
/// error says what this machine lacks for it.
pub(crate) fn build(load: &Arc<Load>) -> Result<Box<dyn Contender>, String> {
    if load.task.memory == Memory::Pool {
        return of_crate::<PoolBuf>(load);
    }
    Ok(match load.task.contender {
        Name::Raw | Name::RawAgain => Box::new(raw::Raw::new(load)?),
        Name::Sharded => Box::new(raw::Sharded::new(load)?),
        Name::ReapoolChained | Name::ReapoolOutside | Name::ReapoolSingle => {
            return of_crate::<AlignedBuf>(load);
        }
        Name::Threads => Box::new(threads::Threads::new(load)?),
        Name::ReadersPool => Box::new(threads::ReadersPool::new(load)?),
        Name::Rayon => Box::new(pools::Rayon::new(load)?),
        Name::Tokio => Box::new(pools::Tokio::new(load)?),
        Name::Uring => Box::new(uring::Uring::new(load)?),
        Name::UringPool => Box::new(uring_pool::UringPool::new(load)?),
        Name::IoEngine => Box::new(io_engine::Engine::new(load)?),
        Name::Compio => Box::new(compio::Compio::new(load)?),
        Name::Ping => Box::new(latency::Ping::new(load)),
        Name::Wake => Box::new(latency::Wake::new(load)?),
        Name::Hop => Box::new(latency::Hop::new(load)?),
    })
}

/// The crate's own contenders, with this kind of buffer.
fn of_crate<B: Buffer>(load: &Arc<Load>) -> Result<Box<dyn Contender>, String> {
    Ok(match load.task.contender {
        Name::ReapoolChained => Box::new(dispatcher::Chained::<B>::new(load)?),
        Name::ReapoolOutside => Box::new(dispatcher::Outside::<B>::new(load, false)?),
        Name::ReapoolSingle => Box::new(dispatcher::Outside::<B>::new(load, true)?),
        _ => return Err("only the crate's own ways read into its pool".into()),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use super::build;
    use crate::contender::Contender;
    use crate::load::{Load, word_at};
    use crate::named::Named;
    use crate::tally;
    use crate::task::{Device, Memory, Pattern, Place, Task, Work};

    /// One test covers all contenders, because all threads share one tally.
    #[test]
    fn everybody_reads_what_was_written() {
        let len = 1 << 20;
        let program = std::env::current_exe().unwrap();
        let mut file = tempfile::NamedTempFile::new_in(program.parent().unwrap()).unwrap();
        for offset in (0..len).step_by(8) {
            file.write_all(&word_at(offset).to_le_bytes()).unwrap();
        }
        file.as_file().sync_all().unwrap();
        let places = [
            Place { device: Device::Null, path: "/dev/null".into(), len },
            Place { device: Device::Disk, path: file.path().into(), len },
        ];
        for (place, depth) in places.iter().flat_map(|place| [1, 7].map(|depth| (place, depth))) {
            for contender in Contender::ALL.iter().copied() {
                if place.device == Device::Disk && Contender::PAIR.contains(&contender) {
                    continue;
                }
                check(task(contender, place.clone(), depth));
            }
        }
    }

    fn task(contender: Contender, place: Place, depth: usize) -> Task {
        Task {
            contender,
            place,
            pattern: Pattern::Random,
            work: Work::Compute(0),
            memory: Memory::Plain,
            block: 4096,
            depth,
            workers: 2,
            operations: 300,
            warm_up: 0,
            stride: 2,
            turns: 1.0,
        }
    }

    fn check(task: Task) {
        let load = Arc::new(Load { task });
        let name = load.task.contender.name();
        let mut contender = match build(&load) {
            Ok(contender) => contender,
            Err(_) if ["uring", "uring-pool", "compio"].contains(&name) => return,
            Err(reason) => panic!("{name}: {reason}"),
        };
        // A child also runs it twice. The first run has other numbers, and an odd count of them.
        contender.run(300..317).unwrap();
        assert_eq!(tally::collect().count, 17, "{name}");
        contender.run(0..300).unwrap();
        let total = tally::collect();
        assert_eq!((total.count, total.checksum), (300, load.expected()), "{name}");
        assert_eq!(total.latency.samples, 150, "{name}");
    }
}
