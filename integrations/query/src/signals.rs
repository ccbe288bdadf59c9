//! The signals that ask a program to end.

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Failure, Result};

/// Ends when SIGINT or SIGTERM comes. Both are listened to from the call on, not from the first
/// poll.
pub(crate) fn ended() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).map_err(Failure::failed);
    let (mut interrupt, mut terminate) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
