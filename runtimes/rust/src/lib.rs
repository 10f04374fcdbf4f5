//! SDK and runtime server of hanzo-fn functions in Rust.
#![deny(missing_docs)]

mod batch;
mod body;
mod cancel;
mod context;
mod data;
mod error;
mod event;
mod gateway;
mod handler;
mod headers;
mod kv;
mod log;
mod model;
mod names;
mod pieces;
mod response;
mod server;
mod services;
mod sse;
mod storage;
pub mod stream;
pub mod testing;
mod text;
mod websocket;

pub use batch::{Item, ItemHeaders, ItemResult};
pub use body::Body;
pub use cancel::{CancelReason, Cancelled};
pub use context::{Context, Trigger};
pub use data::{Data, Query};
pub use error::{Error, IntoError, Result};
pub use event::{Event, EventData, EventMode, EventOut};
pub use gateway::{GatewayError, Object};
pub use handler::{Handler, IntoResponse};
pub use headers::Headers;
pub use kv::{Kv, KvValue, Scan, SetOptions};
pub use log::{Level, Log, LogLine};
pub use model::{Inference, Model, ModelError, Prediction};
pub use response::{IntoEvent, IntoPiece, Piece, Response};
pub use server::serve;
pub use sse::SseEvent;
pub use storage::{Allow, List, Listed, ObjectHead, Storage, Stored};
pub use websocket::{Message, WebSocket};
