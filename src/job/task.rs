//! A job's task: buffer, file and callback behind one pointer, with their types forgotten.

use std::any::{Any, TypeId};

use crate::file::FileHandle;
use crate::job::ticket::Ticket;
use crate::job::view::JobView;

/// The dispatcher's side of a task: how a job is performed and ends. `R` is the type that the
/// callback returns.
pub(crate) trait Task<R>: Send {
    fn view(&self) -> JobView;

    /// The identity by which the job's handle finds it, if the job has a handle.
    fn ticket(&self) -> Option<Ticket> {
        None
    }

    /// The file, if the operation has one.
    fn file(&self) -> Option<&FileHandle>;

    /// Records that the first `done` bytes of a transfer are done, and makes the next request
    /// begin after the first `begin`, which is at most `done`. Runs no user code.
    fn advance(&mut self, done: usize, begin: usize);

    /// Does the work of a blocking job. If the work panics, the payload is kept for `run`.
    fn work(&mut self) {}

    /// Runs the callback with the kernel's last answer.
    fn run(self: Box<Self>, res: i64) -> R;
}

/// The user's side of a task: what may be changed or taken back as long as no dispatcher has
/// accepted the job.
///
/// The defaults are for tasks on which the settings have no effect, and for tasks that are made at
/// the submission, when users can't change the job any more.
pub(crate) trait UserTask<R>: Task<R> {
    /// Makes a plain transfer ask for no more than `bytes`.
    fn limit(&mut self, _bytes: usize) {}

    /// Makes a transfer go on until everything is transferred.
    fn exact(&mut self) {}

    /// The type of the value that `reclaim` gives back, if it gives one.
    fn reclaimable(&self) -> Option<TypeId>
    where
        Self: 'static,
    {
        None
    }

    /// Takes the task apart and puts the value that it was made of into `place`, an `Option` of
    /// the type that `reclaimable` names. An operation gives back its buffer, a task that wraps
    /// another one gives back that.
    fn reclaim(self: Box<Self>, _place: &mut dyn Any)
    where
        Self: 'static,
    {
    }
}

/// Takes a task apart that says that it gives back a `T`.
pub(crate) fn reclaim<T: 'static, R: 'static>(task: Box<dyn UserTask<R>>) -> T {
    let mut place: Option<T> = None;
    task.reclaim(&mut place);
    place.expect("a task gives back a value of the type that it named")
}

/// For implementations of [`UserTask::reclaim`].
pub(crate) fn give_back<T: 'static>(value: T, place: &mut dyn Any) {
    if let Some(place) = place.downcast_mut::<Option<T>>() {
        *place = Some(value);
    }
}
