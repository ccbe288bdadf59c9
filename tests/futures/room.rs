//! Tasks wait for room without a thread: in a line, that a dropped future leaves, and that nobody
//! is forgotten in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;

use reapool::{Cancel, Dispatcher, Job, Refusal, SubmitFuture, Submitter};

use crate::support::tasks::{Task, on_each_executor, yield_once};
use crate::support::{self, Drops, Gate, HANG, eventually, null, null_read, scale, watched};

/// Room for one job, which is held at a gate.
struct Full {
    dispatcher: Dispatcher,
    gate: Gate,
    ran: mpsc::Receiver<usize>,
    tell: mpsc::Sender<usize>,
}

impl Full {
    fn new() -> Self {
        let dispatcher = support::builder().depth(1).backlog(0).workers(1).build().unwrap();
        let (gate, (tell, ran)) = (Gate::default(), mpsc::channel());
        let held = gate.clone();
        dispatcher.submit(null_read(&null(), move || held.pass())).unwrap();
        Self { dispatcher, gate, ran, tell }
    }

    fn job(&self, name: usize) -> Job {
        let tell = self.tell.clone();
        null_read(&null(), move || tell.send(name).unwrap())
    }

    /// A task that stands in the line.
    fn standing(&self, name: usize) -> (Arc<Task>, SubmitFuture) {
        let (task, mut future) = (Task::new(), self.dispatcher.submit_async(self.job(name)));
        assert!(task.poll(&mut future).is_pending());
        (task, future)
    }

    /// The names of all that ran, when no more do.
    fn ran(self) -> Vec<usize> {
        self.dispatcher.drain_timeout(HANG).unwrap();
        self.ran.try_iter().collect()
    }
}

fn enters(task: &Arc<Task>, future: &mut SubmitFuture) {
    task.wait_for(1);
    assert!(matches!(task.poll(future), Poll::Ready(Ok(()))));
}

#[test]
fn nothing_is_submitted_before_the_first_poll() {
    watched(|| {
        let (dispatcher, drops) = (support::builder().depth(2).build().unwrap(), Drops::default());
        let job = || Job::read(null(), drops.buffer(vec![0; 9]), 0, |_| panic!("it never runs"));
        let futures = (dispatcher.submit_async(job()), dispatcher.spawn_async(job()));
        dispatcher.drain().unwrap();
        assert_eq!((dispatcher.stats().accepted, drops.count()), (0, 0));
        drop(futures);
        assert_eq!((dispatcher.stats().accepted, drops.count()), (0, 2));
        assert_eq!(dispatcher.stats().refused, 0, "it was never asked");
    });
}

#[test]
fn who_came_first_is_let_in_first() {
    watched(|| {
        let full = Full::new();
        let mut line: Vec<_> = (0..5).map(|name| full.standing(name)).collect();
        // Polled for no reason, in another order, they stand where they stood.
        for (task, future) in line.iter_mut().rev() {
            assert!(task.poll(future).is_pending());
        }
        full.gate.open();
        for (next, (task, future)) in line.iter_mut().enumerate() {
            enters(task, future);
            assert_eq!(full.ran.recv_timeout(HANG), Ok(next));
        }
        assert_eq!(line.iter().map(|(task, _)| task.wakings()).collect::<Vec<_>>(), [1; 5]);
        assert_eq!(full.dispatcher.stats().refused, 0);
    });
}

#[test]
fn a_call_keeps_no_room_for_who_does_not_come() {
    watched(|| {
        let full = Full::new();
        let (first, mut entering) = full.standing(1);
        full.gate.open();
        first.wait_for(1);
        // There is room, and nobody waits for it.
        let (late, mut future) = (Task::new(), full.dispatcher.submit_async(full.job(2)));
        assert!(late.poll(&mut future).is_ready());
        full.dispatcher.drain().unwrap();
        enters(&first, &mut entering);
        assert_eq!(full.ran(), [2, 1]);
    });
}

#[test]
fn who_enters_calls_the_next_if_there_is_room_left() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(4).workers(1).build().unwrap();
        let gates = [Gate::default(), Gate::default()];
        let held = |gate: &Gate| {
            let gate = gate.clone();
            null_read(&null(), move || gate.pass())
        };
        // Nobody is called before the second ends, and no other ends before the second gate opens.
        let jobs = [held(&gates[0]), Job::nop(|| ()), held(&gates[1])];
        dispatcher
            .submit_batch(jobs.into_iter().chain([Job::nop(|| ()), Job::nop(|| ())]))
            .unwrap();
        let mut line = [(); 2].map(|()| (Task::new(), dispatcher.submit_async(Job::nop(|| ()))));
        for (task, future) in &mut line {
            assert!(task.poll(future).is_pending());
        }
        gates[0].open();
        for (task, future) in &mut line {
            enters(task, future);
        }
        gates[1].open();
        dispatcher.drain_timeout(HANG).unwrap();
        assert_eq!(dispatcher.stats().finished, 7);
    });
}

#[test]
fn a_dropped_future_leaves_the_line_or_passes_its_call_on() {
    watched(|| {
        let (full, drops) = (Full::new(), Drops::default());
        let buffer = drops.buffer(Vec::with_capacity(9));
        let job = Job::read(null(), buffer, 0, |_| panic!("it never runs"));
        let (called, mut dropped) = (Task::new(), full.dispatcher.submit_async(job));
        assert!(called.poll(&mut dropped).is_pending());
        let (leaving, leaves) = full.standing(1);
        let (staying, mut stays) = full.standing(2);
        drop(leaves);
        assert_eq!(leaving.wakers(), 0);
        full.gate.open();
        called.wait_for(1);
        assert_eq!((drops.count(), staying.wakings()), (0, 0));
        drop(dropped);
        assert_eq!((drops.count(), staying.wakings()), (1, 1), "passed on before it returns");
        enters(&staying, &mut stays);
        assert_eq!((full.ran(), leaving.wakings()), (vec![2], 0));
    });
}

#[test]
fn the_end_of_the_dispatcher_calls_everybody_and_gives_the_jobs_back() {
    watched(|| {
        let full = Full::new();
        let mut line: Vec<_> = (0..3).map(|name| full.standing(name)).collect();
        let (task, job) = (Task::new(), Job::write(null(), vec![7; 9], 0, |done| done.buffer));
        let mut spawning = full.dispatcher.spawn_async(job);
        assert!(task.poll(&mut spawning).is_pending());
        let Full { dispatcher, gate, ran, .. } = full;
        let ending = thread::spawn(move || dispatcher.shutdown().unwrap());
        for (task, future) in &mut line {
            task.wait_for(1);
            let Poll::Ready(Err(refused)) = task.poll(future) else { panic!("not refused") };
            assert_eq!(refused.kind(), Refusal::ShutDown);
        }
        task.wait_for(1);
        let Poll::Ready(Err(refused)) = task.poll(&mut spawning) else { panic!("not refused") };
        assert_eq!(refused.kind(), Refusal::ShutDown);
        let other = support::builder().build().unwrap();
        let handle = other.spawn(refused.into_inner()).unwrap();
        assert_eq!(handle.join().unwrap(), [7; 9], "and it can be spawned elsewhere");
        gate.open();
        let report = ending.join().unwrap();
        assert_eq!((report.jobs, report.stats.refused), (1, 4));
        assert!(ran.try_recv().is_err());
    });
}

#[test]
fn a_forgotten_future_holds_up_neither_threads_nor_the_end() {
    watched(|| {
        let full = Full::new();
        let (forgotten, future) = full.standing(0);
        std::mem::forget(future);
        let (submitter, job) = (full.dispatcher.submitter(), full.job(1));
        let waiting = thread::spawn(move || submitter.submit_timeout(job, HANG).unwrap());
        full.gate.open();
        waiting.join().unwrap();
        let (task, mut future) = (Task::new(), full.dispatcher.submit_async(full.job(2)));
        while task.poll(&mut future).is_pending() {
            task.wait_for(1);
        }
        assert_eq!(full.ran(), [1, 2]);
        assert!(forgotten.wakings() <= 1);
    });
}

#[test]
fn in_a_callback_it_is_ready_at_once() {
    watched(|| {
        let builder = support::builder().depth(1).backlog(0).parked_limit(2).workers(1);
        let dispatcher = builder.build().unwrap();
        let submitter = dispatcher.submitter();
        let (tell, ran) = mpsc::channel();
        let in_callback = Job::nop(move || {
            let task = Task::new();
            [1, 2, 3].map(|name| {
                let tell = tell.clone();
                let job = Job::nop(move || tell.send(name).unwrap());
                match task.poll(&mut submitter.submit_async(job)) {
                    Poll::Ready(result) => result.map_err(|error| error.kind()),
                    Poll::Pending => panic!("it waits"),
                }
            })
        });
        let results = dispatcher.spawn(in_callback).unwrap().join().unwrap();
        assert_eq!(results, [Ok(()), Ok(()), Err(Refusal::Full)]);
        dispatcher.drain().unwrap();
        assert_eq!(ran.try_iter().collect::<Vec<_>>(), [1, 2]);
    });
}

/// Submits so many jobs, each of which counts, and waits for their end; every third future is
/// dropped when it has been polled a few times, if it is not ready then.
async fn submit_many(submitter: &Submitter, jobs: usize, ran: &Arc<AtomicUsize>) -> usize {
    let (file, mut accepted) = (null(), 0);
    for number in 0..jobs {
        let count = Arc::clone(ran);
        let mut future = submitter.submit_async(null_read(&file, move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        if number % 3 > 0 {
            future.await.unwrap();
            accepted += 1;
            continue;
        }
        for _ in 0..number % 5 {
            let poll = std::future::poll_fn(|context| {
                Poll::Ready(std::pin::Pin::new(&mut future).poll(context))
            });
            if poll.await.is_ready() {
                accepted += 1;
                break;
            }
            yield_once().await;
        }
    }
    accepted
}

#[test]
fn tasks_and_threads_that_come_and_go_all_get_in() {
    let jobs = 3000 / scale();
    watched(move || {
        for (depth, backlog) in [(1, 0), (1, 1), (2, 3), (16, 16)] {
            let builder = support::builder().depth(depth).backlog(backlog).workers(2);
            let dispatcher = Arc::new(builder.build().unwrap());
            let ran = Arc::new(AtomicUsize::new(0));
            let expected = Arc::new(AtomicUsize::new(0));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (submitter, ran) = (dispatcher.submitter(), Arc::clone(&ran));
                    thread::spawn(move || {
                        let file = null();
                        for _ in 0..jobs {
                            let count = Arc::clone(&ran);
                            let job = null_read(&file, move || {
                                count.fetch_add(1, Ordering::SeqCst);
                            });
                            submitter.submit_timeout(job, HANG).unwrap();
                        }
                    })
                })
                .collect();
            on_each_executor(|| {
                let (dispatcher, ran) = (Arc::clone(&dispatcher), Arc::clone(&ran));
                let expected = Arc::clone(&expected);
                async move {
                    let submitter = dispatcher.submitter();
                    let one = || submit_many(&submitter, jobs / 20, &ran);
                    let all = (0..20).map(|_| Box::pin(one())).collect();
                    expected.fetch_add(together(all).await, Ordering::SeqCst);
                }
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            dispatcher.drain_timeout(HANG).unwrap();
            let expected = expected.load(Ordering::SeqCst) + 2 * jobs;
            assert_eq!(ran.load(Ordering::SeqCst), expected, "{depth}, {backlog}");
            assert_eq!(dispatcher.stats().accepted, expected as u64);
        }
    });
}

/// Runs all in one task, each polled whenever one is woken, and adds up what they return.
async fn together<F: Future<Output = usize> + Unpin>(mut all: Vec<F>) -> usize {
    let mut sum = 0;
    std::future::poll_fn(|context| {
        all.retain_mut(|one| match std::pin::Pin::new(one).poll(context) {
            Poll::Ready(value) => {
                sum += value;
                false
            }
            Poll::Pending => true,
        });
        if all.is_empty() { Poll::Ready(sum) } else { Poll::Pending }
    })
    .await
}

#[test]
fn a_thousand_tasks_share_one_place() {
    let tasks = 1000 / scale();
    watched(move || {
        let dispatcher = support::builder().depth(1).backlog(0).workers(1).build().unwrap();
        let dispatcher = Arc::new(dispatcher);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let task = |number| {
            let dispatcher = Arc::clone(&dispatcher);
            runtime.spawn(async move {
                let job = null_read(&null(), move || number);
                dispatcher.spawn_async(job).await.unwrap().await
            })
        };
        let tasks: Vec<_> = (0..tasks).map(task).collect();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(runtime.block_on(task).unwrap(), number);
        }
    });
}

#[test]
fn a_job_that_ends_without_a_slot_calls_the_next_too() {
    watched(|| {
        // Room for one that waits. What is in the slot doesn't end, so its end calls nobody.
        let dispatcher = support::builder().depth(1).backlog(1).workers(2).build().unwrap();
        let (gate, null) = (Gate::default(), null());
        let held = gate.clone();
        dispatcher.submit(null_read(&null, move || held.pass())).unwrap();
        gate.wait_for(1);
        let mut inside = dispatcher.spawn(null_read(&null, || ())).unwrap();
        for _ in 0..3 {
            let next = dispatcher.spawn_async(null_read(&null, || ()));
            let (task, mut future) = (Task::new(), next);
            assert!(task.poll(&mut future).is_pending());
            assert_eq!(inside.cancel(), Cancel::Cancelled);
            inside.join_timeout(HANG).unwrap();
            task.wait_for(1);
            let Poll::Ready(Ok(handle)) = task.poll(&mut future) else { panic!("there is room") };
            inside = handle;
        }
        gate.open();
        inside.join_timeout(HANG).unwrap();
    });
}

#[test]
fn a_dropped_future_wakes_as_many_as_there_is_room_for_if_no_job_will() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(1).workers(1).build().unwrap();
        let gate = Gate::default();
        let held = gate.clone();
        let jobs = [null_read(&null(), move || held.pass()), Job::nop(|| ())];
        dispatcher.submit_batch(jobs).unwrap();
        let mut line = [(); 5].map(|()| (Task::new(), dispatcher.submit_async(Job::nop(|| ()))));
        for (task, future) in &mut line {
            assert!(task.poll(future).is_pending());
        }
        gate.open();
        dispatcher.drain().unwrap();
        // The first end has woken one, and the last end two, as there was room for so many.
        line[2].0.wait_for(1);
        let wakings = |line: &[(Arc<Task>, SubmitFuture)]| {
            line.iter().map(|(task, _)| task.wakings()).collect::<Vec<_>>()
        };
        assert_eq!(wakings(&line), [1, 1, 1, 0, 0]);
        let [first, rest @ ..] = line;
        drop(first);
        assert_eq!(wakings(&rest), [1, 1, 1, 1], "nothing is outstanding that could wake them");
    });
}

#[test]
fn one_task_is_woken_when_the_backlog_is_half_empty_and_all_there_is_room_for_at_the_end() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(4).workers(1).build().unwrap();
        let gates: [Gate; 5] = Default::default();
        let held = gates.clone().map(|gate| null_read(&null(), move || gate.pass()));
        dispatcher.submit_batch(held).unwrap();
        let mut line = [(); 7].map(|()| (Task::new(), dispatcher.submit_async(Job::nop(|| ()))));
        for (task, future) in &mut line {
            assert!(task.poll(future).is_pending());
        }
        let wakings = || line.iter().map(|(task, _)| task.wakings()).collect::<Vec<_>>();
        let end = |job: usize| {
            gates[job].open();
            let ended = || dispatcher.stats().finished == job as u64 + 1;
            eventually("the job has ended", ended);
            // The next callback runs after the tasks have been woken.
            if job < 4 {
                gates[job + 1].wait_for(1);
            }
        };
        end(0);
        assert_eq!(wakings(), [0; 7], "there is room for one");
        end(1);
        assert_eq!(wakings(), [1, 0, 0, 0, 0, 0, 0]);
        end(2);
        assert_eq!(wakings(), [1, 1, 0, 0, 0, 0, 0]);
        end(3);
        assert_eq!(wakings(), [1, 1, 1, 0, 0, 0, 0]);
        end(4);
        line[6].0.wait_for(1);
        assert_eq!(
            wakings(),
            [1; 7],
            "there is room for five more, and nobody would wake them later"
        );
    });
}
