//! Calls a handler in process, with a platform in memory.
//!
//! ```
//! use hanzo_functions::testing::{block_on, Call, TestPlatform};
//! use hanzo_functions::{Context, Response, Result};
//! use serde_json::json;
//!
//! async fn greet(ctx: Context) -> Result<Response> {
//!     let name: String = ctx.data().get("name")?;
//!     ctx.kv().incr(&name, 1).await?;
//!     ctx.publish("mq.greeted", &json!({ "name": name })).await?;
//!     Ok(Response::ok(json!({ "hello": name })))
//! }
//!
//! block_on(async {
//!     let platform = TestPlatform::new();
//!     let answer = platform.invoke(greet, Call::json(json!({"name": "Ada"}))).await?;
//!     assert_eq!(answer.json()?, json!({"hello": "Ada"}));
//!     assert_eq!(platform.kv().get("Ada").await?.as_deref(), Some("1"));
//!     assert_eq!(platform.published()[0].subject, "mq.greeted");
//!     Ok::<(), hanzo_functions::Error>(())
//! })
//! # .unwrap();
//! ```

mod answer;
mod call;
mod glob;
pub(crate) mod memory;
mod memory_kv;
mod memory_objects;

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::answer::Answer;
pub use self::call::Call;
use self::memory::Memory;
pub use self::memory::Published;
use crate::body::Body;
use crate::context::{Context, Identity};
use crate::error::Result;
use crate::gateway::{Caller, Gateway, Link};
use crate::handler::Handler;
use crate::kv::Kv;
use crate::log::{Log, LogLine, Sink};
use crate::model::{Inference, Models};
use crate::services::Services;
use crate::storage::Storage;

/// Runs a future to its end: the body of a test, where the crate under test has no other runtime.
///
/// # Panics
/// Where the system gives no runtime, or the future panics.
pub fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
        .block_on(future)
}

/// The platform in memory: what handlers leave in it stays from call to call.
#[derive(Clone)]
pub struct TestPlatform {
    identity: Arc<Identity>,
    memory: Arc<Memory>,
    services: Arc<Services>,
    lines: Arc<Mutex<Vec<LogLine>>>,
}

impl Default for TestPlatform {
    fn default() -> Self {
        Self::new()
    }
}

impl TestPlatform {
    /// An empty platform; the function is called `function` and belongs to `test`.
    pub fn new() -> Self {
        let memory = Arc::new(Memory::default());
        let services = Services {
            link: Link::Memory(Arc::clone(&memory)),
            models: Models::new(None),
        };
        let identity = Identity {
            org: "test".to_owned(),
            function: "function".to_owned(),
            revision: "function-00001".to_owned(),
            instance: "test".to_owned(),
        };
        Self {
            identity: Arc::new(identity),
            memory,
            services: Arc::new(services),
            lines: Arc::default(),
        }
    }

    /// What `ctx.model(name)` gives.
    #[must_use]
    pub fn with_model(self, name: &str, model: impl Inference) -> Self {
        let path = PathBuf::from("/models").join(name);
        self.services.models.put(name, path, Arc::new(model));
        self
    }

    /// The keys and values that handlers see.
    pub fn kv(&self) -> Kv {
        Kv::new(self.gateway())
    }

    /// The objects that handlers see.
    pub fn storage(&self) -> Storage {
        Storage::new(self.gateway())
    }

    /// The messages that handlers have published, in order.
    pub fn published(&self) -> Vec<Published> {
        self.memory.published()
    }

    /// The lines that handlers have logged, in order.
    pub fn logs(&self) -> Vec<LogLine> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The context that the handler of a call would get.
    ///
    /// # Errors
    /// Where the platform would answer 400 to the call.
    pub fn context(&self, call: Call) -> Result<Context> {
        call.into_context(self, false)
    }

    /// Calls a handler as the server does.
    ///
    /// # Errors
    /// What the handler fails with, and what makes an answer that HTTP cannot carry.
    pub async fn invoke<Shape, H: Handler<Shape>>(&self, handler: H, call: Call) -> Result<Answer> {
        let handler = handler.erase();
        let body = if handler.streams_body {
            Body::from(call.content())
        } else {
            Body::default()
        };
        let context = call.into_context(self, handler.streams_body)?;
        let response = (handler.call)(context, body).await?;
        Answer::of(response, &self.identity).await
    }

    fn gateway(&self) -> Gateway {
        Gateway::new(self.services.link.clone(), Caller::default())
    }

    fn log(&self) -> Log {
        Log::new(Sink::Memory(Arc::clone(&self.lines)), None)
    }
}

impl std::fmt::Debug for TestPlatform {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TestPlatform")
    }
}
