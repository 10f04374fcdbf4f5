//! SDK and runtime server of hanzo-fn functions in Rust.
#![deny(missing_docs)]

mod batch;
mod body;
mod cancel;
mod context;
mod data;
mod error;
mod event;
mod handler;
mod headers;
mod log;
mod response;
mod server;
mod sse;
pub mod stream;
mod text;
mod websocket;

pub use batch::{Item, ItemHeaders, ItemResult};
pub use body::Body;
pub use cancel::{CancelReason, Cancelled};
pub use context::{Context, Trigger};
pub use data::{Data, Query};
pub use error::{Error, IntoError, Result};
pub use event::{Event, EventData, EventMode, EventOut};
pub use handler::{Handler, IntoResponse};
pub use headers::Headers;
pub use log::{Level, Log, LogLine};
pub use response::{IntoEvent, IntoPiece, Piece, Response};
pub use server::serve;
pub use sse::SseEvent;
pub use websocket::{Message, WebSocket};
