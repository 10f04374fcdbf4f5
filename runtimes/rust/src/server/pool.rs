//! Where handlers run.
//!
//! Connections and handlers share the workers of one multi-threaded runtime: a call that does not block costs no
//! change of thread. (A thread of its own for handlers was measured at 0.3 to 0.65 of the throughput.) Code that
//! blocks all the same must not hold up `ping`, deadlines and other calls. Two things see to that:
//!
//! - Of a runtime's workers one is never given to a handler: a handler that would take the last one goes on in
//!   another runtime, which is made at that moment.
//! - A worker that leaves the system's event queue for a handler that then blocks would leave nobody at that queue.
//!   While handlers are being polled, a thread pokes the runtime every few milliseconds so that an idle worker looks.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

const POKE_EVERY: Duration = Duration::from_millis(10);
const GUARD_STACK: usize = 128 * 1024;
/// Workers beyond the processors in the first runtime; one of them is kept free of handlers.
const SPARE: usize = 2;
const MOST_FIRST: usize = 10;
const OVERFLOW_WORKERS: usize = 16;
const MOST_LANES: usize = 32;

/// One runtime, and how many of its workers are inside a handler.
pub(crate) struct Lane {
    handle: Handle,
    polls: AtomicUsize,
    most: usize,
}

pub(crate) struct Pool {
    first: Arc<Lane>,
    further: Mutex<Vec<Arc<Lane>>>,
    guard: OnceLock<Thread>,
    guard_sleeps: AtomicBool,
}

/// The runtime of connections and handlers.
pub(crate) fn first_runtime() -> std::io::Result<(Runtime, Arc<Pool>)> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = (processors + SPARE).min(MOST_FIRST);
    let runtime = build(workers)?;
    let pool = Arc::new(Pool {
        first: Lane::new(runtime.handle().clone(), workers),
        further: Mutex::new(Vec::new()),
        guard: OnceLock::new(),
        guard_sleeps: AtomicBool::new(false),
    });
    let guarded = Arc::clone(&pool);
    std::thread::Builder::new()
        .name("hanzo-guard".to_owned())
        .stack_size(GUARD_STACK)
        .spawn(move || guarded.watch())?;
    Ok((runtime, pool))
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
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Takes a worker for one poll of a handler; false where that would be the last one, unless `force`.
    pub(crate) fn enter(&self, pool: &Pool, force: bool) -> bool {
        if self.polls.fetch_add(1, Ordering::SeqCst) >= self.most && !force {
            self.leave();
            return false;
        }
        if pool.guard_sleeps.load(Ordering::SeqCst) {
            pool.wake_guard();
        }
        true
    }

    pub(crate) fn leave(&self) {
        self.polls.fetch_sub(1, Ordering::SeqCst);
    }

    fn busy(&self) -> bool {
        self.polls.load(Ordering::SeqCst) > 0
    }
}

impl Pool {
    pub(crate) fn first(&self) -> &Arc<Lane> {
        &self.first
    }

    /// A runtime for a handler that the lane it was on has no worker for, and whether that one has room. Where every
    /// thread that may be is taken, it has none, and the handler waits there for one.
    pub(crate) fn overflow(&self) -> (Arc<Lane>, bool) {
        let mut further = self.further.lock().unwrap_or_else(PoisonError::into_inner);
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

    fn wake_guard(&self) {
        if self.guard_sleeps.swap(false, Ordering::SeqCst) {
            if let Some(guard) = self.guard.get() {
                guard.unpark();
            }
        }
    }

    fn watch(&self) {
        let _ = self.guard.set(std::thread::current());
        loop {
            let further = self.further.lock().unwrap_or_else(PoisonError::into_inner);
            let lanes: Vec<_> = std::iter::once(&self.first)
                .chain(further.iter())
                .cloned()
                .collect();
            drop(further);
            if lanes.iter().any(|lane| lane.busy()) {
                std::thread::sleep(POKE_EVERY);
                for lane in lanes.iter().filter(|lane| lane.busy()) {
                    lane.handle.spawn(async {});
                }
                continue;
            }
            self.guard_sleeps.store(true, Ordering::SeqCst);
            if lanes.iter().any(|lane| lane.busy()) {
                self.guard_sleeps.store(false, Ordering::SeqCst);
                continue;
            }
            while self.guard_sleeps.load(Ordering::SeqCst) {
                std::thread::park();
            }
        }
    }
}
