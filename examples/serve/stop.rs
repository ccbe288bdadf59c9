//! The signals that ask for an end.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::shared::signals;

pub(crate) struct Stop(Vec<Signal>);

impl Stop {
    pub(crate) fn listen() -> io::Result<Self> {
        let numbers = signals::ending().into_iter();
        numbers
            .map(|number| signal(SignalKind::from_raw(number)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn wait(&mut self) {
        poll_fn(|context| {
            let mut signals = self.0.iter_mut();
            match signals.any(|signal| signal.poll_recv(context).is_ready()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}
