//! Where handlers run.
//!
//! Connections and handlers share the workers of one multi-threaded runtime: a call that does not block costs no
//! change of thread. (A thread of its own for handlers was measured at 0.3 to 0.65 of the throughput.) Code that
//! blocks all the same must not hold up `ping`, deadlines and other calls. Two things see to that:
//!
//! - Of a runtime's workers one is never given to a handler. A handler that would take the last one waits for another
//!   to be left, and goes on in a further runtime where that takes longer than code that does not block.
//! - A worker that leaves the system's event queue for a handler that then blocks would leave nobody at that queue.
//!   While handlers are being polled, the guard pokes the runtime every few milliseconds so that an idle worker looks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::runtime::{Builder, Handle, Runtime};

/// Workers beyond the processors in the first runtime; one of them is kept free of handlers.
const SPARE: usize = 1;
const MOST_FIRST: usize = 10;
const OVERFLOW_WORKERS: usize = 16;
const MOST_LANES: usize = 32;

/// One runtime, and how many of its workers are inside a handler.
pub(crate) struct Lane {
    handle: Handle,
    polls: AtomicUsize,
    most: usize,
    /// Handlers that wait for a worker.
    waiting: Mutex<Vec<Waker>>,
    any_waiting: AtomicBool,
}

/// The first runtime, where connections live, and those that were made when it had no worker to spare.
pub(crate) struct Lanes {
    first: Arc<Lane>,
    further: Mutex<Vec<Arc<Lane>>>,
}

/// The runtime of connections and handlers.
pub(crate) fn first_runtime() -> std::io::Result<(Runtime, Arc<Lanes>)> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = (processors + SPARE).min(MOST_FIRST);
    let runtime = build(workers)?;
    let lanes = Lanes {
        first: Lane::new(runtime.handle().clone(), workers),
        further: Mutex::default(),
    };
    Ok((runtime, Arc::new(lanes)))
}

fn build(workers: usize) -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("hanzo-worker")
        .enable_all()
        .build()
}

impl Lane {
    fn new(handle: Handle, workers: usize) -> Arc<Self> {
        Arc::new(Self {
            handle,
            polls: AtomicUsize::new(0),
            most: workers - 1,
            waiting: Mutex::default(),
            any_waiting: AtomicBool::new(false),
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Takes a worker for one poll of a handler; false where that would be the last one, unless `force`.
    pub(crate) fn enter(&self, force: bool) -> bool {
        if self.polls.fetch_add(1, Ordering::SeqCst) >= self.most && !force {
            self.polls.fetch_sub(1, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// Gives the worker back, to a handler that waits for one.
    pub(crate) fn leave(&self) {
        self.polls.fetch_sub(1, Ordering::SeqCst);
        if self.any_waiting.load(Ordering::SeqCst) {
            let next = self.waiting().pop();
            if let Some(next) = next {
                next.wake();
            }
        }
    }

    /// Wakes a handler when a worker has been left, or when the guard looks the next time.
    pub(crate) fn wait(&self, handler: &Waker) {
        self.waiting().push(handler.clone());
        self.any_waiting.store(true, Ordering::SeqCst);
        if self.polls.load(Ordering::SeqCst) < self.most {
            // The last one left between the question and the note.
            self.wake_waiting();
        }
    }

    fn wake_waiting(&self) {
        if self.any_waiting.swap(false, Ordering::SeqCst) {
            let waiting = std::mem::take(&mut *self.waiting());
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self) -> bool {
        self.polls.load(Ordering::SeqCst) > 0
    }
}

impl Lanes {
    pub(crate) fn first(&self) -> &Arc<Lane> {
        &self.first
    }

    /// A runtime for a handler that the lane it was on has no worker for, and whether that one has room. Where every
    /// thread that may be is taken, it has none, and the handler waits there for one.
    pub(crate) fn overflow(&self) -> (Arc<Lane>, bool) {
        let mut further = self.further();
        let roomy = further
            .iter()
            .find(|lane| lane.polls.load(Ordering::SeqCst) < lane.most);
        if let Some(lane) = roomy {
            return (Arc::clone(lane), true);
        }
        if further.len() < MOST_LANES {
            if let Ok(runtime) = build(OVERFLOW_WORKERS) {
                let lane = Lane::new(runtime.handle().clone(), OVERFLOW_WORKERS);
                // It lives as long as the process.
                std::mem::forget(runtime);
                further.push(Arc::clone(&lane));
                return (lane, true);
            }
        }
        let last = further.last().unwrap_or(&self.first);
        (Arc::clone(last), false)
    }

    pub(crate) fn any_busy(&self) -> bool {
        self.first.busy() || self.further().iter().any(|lane| lane.busy())
    }

    /// Makes an idle worker of every runtime that is inside a handler look for work; whether there was one.
    pub(crate) fn poke_busy(&self) -> bool {
        let further = self.further();
        let mut found = false;
        for lane in std::iter::once(&self.first).chain(further.iter()) {
            if lane.busy() {
                found = true;
                lane.wake_waiting();
                lane.handle.spawn(async {});
            }
        }
        found
    }

    fn further(&self) -> MutexGuard<'_, Vec<Arc<Lane>>> {
        self.further.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
