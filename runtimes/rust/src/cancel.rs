use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::Arc;

use tokio::sync::Notify;

/// Why nobody waits for a call's answer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelReason {
    /// The deadline has passed.
    DeadlineExceeded,
    /// The connection has been closed.
    ClosedByCaller,
    /// The instance ends.
    Draining,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Tells when a call is cancelled; clones tell the same.
///
/// The handler's own future is dropped then, so this is for what outlives it or never awaits: spawned tasks, threads,
/// long loops, and `Drop` code that wants to know why.
#[derive(Clone, Debug, Default)]
pub struct Cancelled(Arc<State>);

#[derive(Debug, Default)]
struct State {
    reason: AtomicU8,
    changed: Notify,
}

impl Cancelled {
    /// The reason, once there is one.
    pub fn reason(&self) -> Option<CancelReason> {
        match self.0.reason.load(Ordering::Acquire) {
            1 => Some(CancelReason::DeadlineExceeded),
            2 => Some(CancelReason::ClosedByCaller),
            3 => Some(CancelReason::Draining),
            _ => None,
        }
    }

    /// Whether the call has been cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Waits until the call is cancelled; for ever where it never is.
    pub async fn wait(&self) -> CancelReason {
        loop {
            let changed = self.0.changed.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            changed.await;
        }
    }

    /// True for the first one who sets a reason.
    pub(crate) fn set(&self, reason: CancelReason) -> bool {
        let code = match reason {
            CancelReason::DeadlineExceeded => 1,
            CancelReason::ClosedByCaller => 2,
            CancelReason::Draining => 3,
        };
        let first = self
            .0
            .reason
            .compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        self.0.changed.notify_waiters();
        first
    }
}
