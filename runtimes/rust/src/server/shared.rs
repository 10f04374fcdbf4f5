//! What the two halves of one call share: the connection's and the handler's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use tokio::sync::{oneshot, OwnedSemaphorePermit};

use super::reply::Reply;
use crate::cancel::{CancelReason, Cancelled};

pub(crate) struct Call {
    pub(crate) cancelled: Cancelled,
    pub(crate) deadline: Instant,
    expired: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The turn of the concurrency, while the call holds one.
    turn: Option<OwnedSemaphorePermit>,
    /// The head of the answer, until the connection takes it.
    answer: Option<Reply>,
    answered: bool,
    handler: Option<Waker>,
    connection: Option<Waker>,
    /// Takes the close code of a WebSocket when the handler has ended.
    socket: Option<oneshot::Sender<u16>>,
    failed: bool,
    ended: bool,
}

/// Close codes of a WebSocket (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const INTERNAL: u16 = 1011;

impl Call {
    pub(crate) fn new(deadline: Instant) -> Arc<Self> {
        Arc::new(Self {
            cancelled: Cancelled::default(),
            deadline,
            expired: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    pub(crate) fn begin(&self, turn: OwnedSemaphorePermit) {
        self.state().turn = Some(turn);
    }

    /// Gives the head of the answer; false where it has been given or nobody waits for it.
    pub(crate) fn answer(&self, reply: Reply) -> bool {
        let mut state = self.state();
        if state.answered || self.cancelled.is_cancelled() {
            return false;
        }
        state.answered = true;
        state.answer = Some(reply);
        let connection = state.connection.take();
        drop(state);
        if let Some(connection) = connection {
            connection.wake();
        }
        true
    }

    /// The head of the answer; `None` where the handler has ended without one.
    pub(crate) fn poll_answer(&self, waker: &Waker) -> Poll<Option<Reply>> {
        let mut state = self.state();
        if let Some(reply) = state.answer.take() {
            return Poll::Ready(Some(reply));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.connection = Some(waker.clone());
        Poll::Pending
    }

    /// Where the close code of the call's WebSocket goes.
    pub(crate) fn ends_socket(&self, ended: oneshot::Sender<u16>) {
        self.state().socket = Some(ended);
    }

    /// The handler ends by an error.
    pub(crate) fn fail(&self) {
        self.state().failed = true;
    }

    /// The deadline has passed: the connection is to see to it.
    pub(crate) fn expire(&self) {
        self.expired.store(true, Ordering::SeqCst);
        let connection = self.state().connection.take();
        if let Some(connection) = connection {
            connection.wake();
        }
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.expired.load(Ordering::SeqCst)
    }

    /// Notes whom the deadline has to wake.
    pub(crate) fn awaited_by(&self, waker: &Waker) {
        let mut state = self.state();
        match &state.connection {
            Some(known) if known.will_wake(waker) => {}
            _ => state.connection = Some(waker.clone()),
        }
    }

    /// Notes whom a cancellation has to wake.
    pub(crate) fn polled_by(&self, waker: &Waker) {
        let mut state = self.state();
        match &state.handler {
            Some(known) if known.will_wake(waker) => {}
            _ => state.handler = Some(waker.clone()),
        }
    }

    /// Cancels the handler, once. It keeps its turn until it ends or the deadline passes, whichever is first.
    pub(crate) fn cancel(self: &Arc<Self>, reason: CancelReason) -> bool {
        if !self.cancelled.set(reason) {
            return false;
        }
        let handler = self.state().handler.take();
        if let Some(handler) = handler {
            handler.wake();
        }
        if reason == CancelReason::DeadlineExceeded {
            self.give_turn_back();
        } else if !self.state().ended {
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                let call = Arc::clone(self);
                runtime.spawn(async move {
                    tokio::time::sleep_until(call.deadline.into()).await;
                    call.give_turn_back();
                });
            }
        }
        true
    }

    /// The handler has ended, one way or the other.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.handler = None;
        // Without an answer the connection learns that there will be none.
        let connection = state.connection.take().filter(|_| !state.answered);
        state.turn = None;
        let socket = state.socket.take();
        let code = match self.cancelled.reason() {
            None if state.failed => INTERNAL,
            None => NORMAL,
            Some(CancelReason::Draining) => GOING_AWAY,
            Some(_) => INTERNAL,
        };
        drop(state);
        if let Some(connection) = connection {
            connection.wake();
        }
        if let Some(socket) = socket {
            let _ = socket.send(code);
        }
    }

    fn give_turn_back(&self) {
        let turn = self.state().turn.take();
        drop(turn);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
