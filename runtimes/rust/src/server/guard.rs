//! The one thread beside the runtimes: it wakes calls at their deadlines, and keeps a runtime alive whose workers are
//! inside handlers that block.
//!
//! Deadlines are not timers of the runtime: each of those wakes the worker that waits for the system, which was
//! measured as a third of the time of a small call. And they must not depend on a worker being free.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::pool::Lanes;
use super::shared::Call;

const POKE_EVERY: Duration = Duration::from_millis(10);
const STACK: usize = 128 * 1024;

pub(crate) struct Guard {
    lanes: Arc<Lanes>,
    thread: OnceLock<Thread>,
    /// True while it sleeps until the next deadline, however far that is.
    rests: AtomicBool,
    deadlines: Mutex<Deadlines>,
}

#[derive(Default)]
struct Deadlines {
    /// The calls that are watched, at places that stay; there are about as many as run and wait.
    calls: Vec<Option<Arc<Call>>>,
    /// Places that are free.
    free: Vec<usize>,
    /// When the thread wakes by itself; `None`: never.
    wakes_at: Option<Instant>,
}

/// A call whose deadline is watched, until this is dropped.
pub(crate) struct Watched<'a> {
    guard: &'a Guard,
    place: usize,
}

impl Guard {
    pub(crate) fn start(lanes: Arc<Lanes>) -> std::io::Result<Arc<Self>> {
        let guard = Arc::new(Self {
            lanes,
            thread: OnceLock::new(),
            rests: AtomicBool::new(false),
            deadlines: Mutex::default(),
        });
        let watching = Arc::clone(&guard);
        std::thread::Builder::new()
            .name("hanzo-guard".to_owned())
            .stack_size(STACK)
            .spawn(move || watching.run())?;
        Ok(guard)
    }

    /// Wakes the call's connection at its deadline.
    pub(crate) fn watch(&self, call: &Arc<Call>) -> Watched<'_> {
        let mut deadlines = self.deadlines();
        let place = deadlines.put(Arc::clone(call));
        let sooner = deadlines.wakes_at.map_or(true, |at| call.deadline < at);
        if sooner {
            deadlines.wakes_at = Some(call.deadline);
        }
        drop(deadlines);
        if sooner {
            self.wake();
        }
        Watched { guard: self, place }
    }

    /// Says that a handler is being polled.
    pub(crate) fn notice(&self) {
        if self.rests.load(Ordering::SeqCst) && self.rests.swap(false, Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn run(&self) {
        let _ = self.thread.set(std::thread::current());
        loop {
            let now = Instant::now();
            for call in self.take_expired(now) {
                call.expire();
            }
            let busy = self.lanes.poke_busy();
            self.rests.store(!busy, Ordering::SeqCst);
            if !busy && self.lanes.any_busy() {
                continue;
            }
            match self.plan(busy.then(|| now + POKE_EVERY)) {
                Some(at) => std::thread::park_timeout(at.saturating_duration_since(Instant::now())),
                None => std::thread::park(),
            }
        }
    }

    fn take_expired(&self, now: Instant) -> Vec<Arc<Call>> {
        let deadlines = self.deadlines();
        let calls = deadlines.calls.iter().flatten();
        calls
            .filter(|call| call.deadline <= now && !call.is_expired())
            .cloned()
            .collect()
    }

    /// When to wake next.
    fn plan(&self, poke: Option<Instant>) -> Option<Instant> {
        let mut deadlines = self.deadlines();
        let waiting = deadlines.calls.iter().flatten().filter(|call| !call.is_expired());
        let first = waiting.map(|call| call.deadline).min();
        deadlines.wakes_at = match (first, poke) {
            (Some(first), Some(poke)) => Some(first.min(poke)),
            (first, poke) => first.or(poke),
        };
        deadlines.wakes_at
    }

    fn deadlines(&self) -> MutexGuard<'_, Deadlines> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deadlines {
    fn put(&mut self, call: Arc<Call>) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.calls[place] = Some(call);
                place
            }
            None => {
                self.calls.push(Some(call));
                self.calls.len() - 1
            }
        }
    }

    fn take(&mut self, place: usize) -> Option<Arc<Call>> {
        self.free.push(place);
        self.calls[place].take()
    }
}

impl Drop for Watched<'_> {
    // The thread is not told: it wakes once for nothing at most.
    fn drop(&mut self) {
        let call = self.guard.deadlines().take(self.place);
        drop(call);
    }
}
