//! The events that the loop waits for: completions, the timer, and signals.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use reapool::LoopDispatcher;

use crate::shared::signals;

/// How often the timer ticks.
pub(crate) const TICK: Duration = Duration::from_millis(50);

const JOBS: u64 = 0;
const TIMER: u64 = 1;
const SIGNALS: u64 = 2;

pub(crate) struct Events {
    epoll: Epoll,
    timer: TimerFd,
    signals: SignalFd,
}

pub(crate) enum Happened {
    Completions,
    Tick,
    StatusWanted,
    /// A signal with this number asks for an end.
    End(u32),
}

impl Events {
    /// Begins to listen. It blocks the signals, which is enough, as this is the only thread.
    pub(crate) fn listen(jobs: &LoopDispatcher) -> io::Result<Self> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGUSR1);
        for number in signals::ending() {
            set.add(Signal::try_from(number)?);
        }
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let signals = SignalFd::with_flags(&set, flags)?;

        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let every = Expiration::Interval(TimeSpec::from_duration(TICK));
        timer.set(every, TimerSetTimeFlags::empty())?;

        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(jobs, EpollEvent::new(EpollFlags::EPOLLIN, JOBS))?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        epoll.add(&signals, EpollEvent::new(EpollFlags::EPOLLIN, SIGNALS))?;
        Ok(Self { epoll, timer, signals })
    }

    /// Waits until something has happened, and returns what.
    pub(crate) fn wait(&self) -> io::Result<impl Iterator<Item = io::Result<Happened>>> {
        let mut events = [EpollEvent::empty(); 3];
        let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(count) => count,
            // The process was stopped and continued.
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        let happened = move |event: EpollEvent| match event.data() {
            JOBS => Ok(Some(Happened::Completions)),
            TIMER => self.timer.wait().map(|()| Some(Happened::Tick)),
            // If there are more signals, the descriptor stays readable.
            _ => self.signals.read_signal().map(|signal| {
                signal.map(|signal| match signal.ssi_signo {
                    number if number == Signal::SIGUSR1 as u32 => Happened::StatusWanted,
                    number => Happened::End(number),
                })
            }),
        };
        let all = events.into_iter().take(count).map(happened);
        Ok(all.filter_map(|happened| happened.map_err(io::Error::from).transpose()))
    }
}
