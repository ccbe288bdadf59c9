//! What a callback panicked with, as an error can carry it from thread to thread.

use std::any::Any;
use std::fmt;

use crate::submit::not_shared::NotShared;
use crate::unwind::{Payload, message};

/// The value that a callback panicked with, and its message.
///
/// It is `Sync`, whatever the value is: only its owner can get at the value. So a
/// [`JoinError`](crate::JoinError) that has one goes wherever errors go.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Job, JoinError};
///
/// # std::panic::set_hook(Box::new(|_| ()));
/// let dispatcher = Dispatcher::new()?;
/// let handle = dispatcher.spawn(Job::nop(|| panic!("no such planet")))?;
/// let Err(JoinError::Panicked(payload)) = handle.join() else { unreachable!() };
/// assert_eq!(payload.message(), Some("no such planet"));
/// assert_eq!(payload.into_inner().downcast_ref(), Some(&"no such planet"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PanicPayload {
    /// A copy, as nobody may look at the value while it is shared.
    message: Option<String>,
    value: NotShared<Payload>,
}

impl PanicPayload {
    pub(super) fn new(value: Payload) -> Self {
        let message = message(&*value).map(str::to_owned);
        Self { message, value: NotShared::new(value) }
    }

    /// The message of the panic, if it had one, as all have that `panic!` raised.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::panic::panic_any;
    /// use reapool::{Dispatcher, Job, JoinError};
    ///
    /// # std::panic::set_hook(Box::new(|_| ()));
    /// let dispatcher = Dispatcher::new()?;
    /// let handle = dispatcher.spawn(Job::nop(|| panic_any(7)))?;
    /// let Err(JoinError::Panicked(payload)) = handle.join() else { unreachable!() };
    /// assert_eq!(payload.message(), None, "a number is no message");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The value itself, as [`catch_unwind`](std::panic::catch_unwind) has it.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn Any + Send> {
        self.value.into_inner()
    }
}

impl fmt::Debug for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicPayload").field("message", &self.message).finish_non_exhaustive()
    }
}
