//! The handler's half of a call.

use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::failure::Code;
use super::panics;
use super::pool::{Lane, Pool};
use super::reply::{pieces_channel, prepare, Head, Next, Prepared, Reply};
use super::shared::Call;
use super::Server;
use crate::body::Body;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::log::{Level, Log};
use crate::response::Pieces;

/// Starts the handler; its answer comes by the call.
pub(crate) fn start(server: Arc<Server>, call: Arc<Call>, context: Context, body: Body) {
    let log = context.log().clone();
    let pool = Arc::clone(&server.pool);
    let future = Box::pin(drive(server, Arc::clone(&call), context, body));
    let lane = Arc::clone(pool.first());
    let run = Run {
        future: Some(future),
        call,
        log,
        lane,
        pool,
        force: false,
    };
    // Connections run on the first lane, so this is the queue of the worker that is here.
    tokio::spawn(run);
}

async fn drive(server: Arc<Server>, call: Arc<Call>, context: Context, body: Body) {
    let log = context.log().clone();
    let head_only = context.method() == "HEAD";
    let returned = (server.handler.call)(context, body).await;
    if let Err(error) = deliver(&server, &call, returned, head_only).await {
        report(&call, &log, &error);
    }
}

/// Sends what the handler returned. `Err` is what the log is to say.
async fn deliver(
    server: &Server,
    call: &Call,
    returned: Result<crate::Response>,
    head_only: bool,
) -> Result<()> {
    match prepare(returned?, &server.identity)? {
        Prepared::Whole(head, content) => {
            let reply = if head.is_bodiless() {
                Reply::Whole(head.without_type(), Bytes::new())
            } else {
                Reply::Whole(head, content)
            };
            call.answer(reply);
            Ok(())
        }
        Prepared::Pieces(head, _) if head_only || head.is_bodiless() => {
            call.answer(Reply::Head(head));
            Ok(())
        }
        Prepared::Pieces(head, pieces) => pump(call, head, pieces).await,
    }
}

/// Sends a stream piece by piece, the head with the first.
async fn pump(call: &Call, mut head: Head, mut pieces: Pieces) -> Result<()> {
    let Some(first) = pieces.next().await? else {
        call.answer(Reply::Whole(head, Bytes::new()));
        return Ok(());
    };
    head.default_type(first.media);
    let (sender, receiver) = pieces_channel();
    if !call.answer(Reply::Stream(head, first.content, receiver)) {
        return Ok(());
    }
    forward(&mut pieces, &sender).await
}

async fn forward(pieces: &mut Pieces, sender: &mpsc::Sender<Next>) -> Result<()> {
    while let Some(piece) = pieces.next().await? {
        if sender.send(Next::Piece(piece.content)).await.is_err() {
            return Ok(());
        }
        // The connection has been woken on this worker: it goes first, whatever the source does next.
        yield_now().await;
    }
    let _ = sender.send(Next::End).await;
    Ok(())
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|poller| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        poller.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Logs why a call failed and answers it, where an answer can still be given.
fn report(call: &Call, log: &Log, error: &Error) {
    call.fail();
    if error.is_unserialisable() {
        let msg = format!("the handler returned what JSON cannot hold: {error}");
        log.error(msg);
        let msg = "the handler returned a value that JSON cannot hold".to_owned();
        call.answer(Reply::Failed(Code::Unserialisable, msg));
        return;
    }
    let fields = serde_json::json!({ "error": error.name() });
    log.with(Level::Error, error.trace(), fields);
    let msg = format!("the handler raised {}", error.name());
    call.answer(Reply::Failed(Code::HandlerError, msg));
}

/// A handler's future with what the runtime contract asks around it: a worker of its lane, the end by cancellation,
/// a panic that ends only this call.
struct Run {
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    call: Arc<Call>,
    log: Log,
    lane: Arc<Lane>,
    pool: Arc<Pool>,
    force: bool,
}

impl Future for Run {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if !self.lane.enter(&self.pool, self.force) {
            self.move_on();
            return Poll::Ready(());
        }
        let done = self.step(poller);
        self.lane.leave();
        if done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Run {
    /// One poll; true where the call has ended.
    fn step(&mut self, poller: &mut Poller<'_>) -> bool {
        let Some(future) = &mut self.future else {
            return true;
        };
        self.call.polled_by(poller.waker());
        if self.call.cancelled.is_cancelled() {
            self.finish();
            return true;
        }
        match panics::inside(|| future.as_mut().poll(poller)) {
            Ok(Poll::Pending) => false,
            Ok(Poll::Ready(())) => {
                self.finish();
                true
            }
            Err(note) => {
                self.call.fail();
                self.log
                    .with(Level::Error, note, serde_json::json!({"error": "panic"}));
                let msg = "the handler raised panic".to_owned();
                self.call.answer(Reply::Failed(Code::HandlerError, msg));
                self.finish();
                true
            }
        }
    }

    /// Drops what is left of the handler, and with it everything it holds.
    fn finish(&mut self) {
        let future = self.future.take();
        if let Err(note) = panics::inside(|| drop(future)) {
            self.log
                .with(Level::Error, note, serde_json::json!({"error": "panic"}));
        }
        self.call.end();
    }

    /// Goes on in a runtime that has a worker to spare.
    fn move_on(&mut self) {
        let (lane, room) = self.pool.overflow();
        let run = Run {
            future: self.future.take(),
            call: Arc::clone(&self.call),
            log: self.log.clone(),
            lane: Arc::clone(&lane),
            pool: Arc::clone(&self.pool),
            force: !room,
        };
        lane.handle().spawn(run);
    }
}

impl Drop for Run {
    // A runtime that ends drops what it runs.
    fn drop(&mut self) {
        if self.future.is_some() {
            let future = self.future.take();
            let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
            self.call.end();
        }
    }
}
