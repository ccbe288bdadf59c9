//! The list on which callbacks return buffers to the thread that submits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Waking the submitter costs more than a read of the null device. So `give` wakes it only when
/// half as many buffers as the depth are here. The contenders that use this do best with half.
pub(crate) struct Recycled<B> {
    list: Mutex<List<B>>,
    returned: Condvar,
    half: usize,
}

pub(crate) struct List<B> {
    buffers: Vec<B>,
    /// The submitter waits for this many buffers.
    wanted: usize,
}

impl<B> Recycled<B> {
    pub(crate) fn new(buffers: Vec<B>, depth: usize) -> Arc<Self> {
        let half = (depth / 2).max(1);
        let list = Mutex::new(List { buffers, wanted: half });
        Arc::new(Self { list, returned: Condvar::new(), half })
    }

    pub(crate) fn give(&self, buffer: B) {
        let mut list = self.list.lock().unwrap();
        list.buffers.push(buffer);
        let enough = list.buffers.len() == list.wanted;
        drop(list);
        if enough {
            self.returned.notify_one();
        }
    }

    /// Waits until half as many buffers as the depth are here, and takes all there are.
    pub(crate) fn take(&self, into: &mut Vec<B>) {
        into.append(&mut self.wait(self.half).buffers);
    }

    /// Waits until `count` buffers are here. When all are, no callback has one any more.
    pub(crate) fn wait(&self, count: usize) -> MutexGuard<'_, List<B>> {
        let mut list = self.list.lock().unwrap();
        list.wanted = count;
        self.returned.wait_while(list, |list| list.buffers.len() < count).unwrap()
    }
}
