use std::future::Future;
use std::pin::Pin;

use serde::Serialize;

use crate::body::Body;
use crate::context::Context;
use crate::error::{IntoError, Result};
use crate::response::Response;

type Answer = Pin<Box<dyn Future<Output = Result<Response>> + Send>>;

/// What [`crate::serve`] takes: `async fn(Context)` or `async fn(Context, Body)`, with an output that is an
/// [`IntoResponse`].
pub trait Handler<Shape>: Send + Sync + Sized + 'static {
    #[doc(hidden)]
    fn erase(self) -> Erased;
}

/// A handler without its types, so that the server is compiled once and not for every function.
#[doc(hidden)]
pub struct Erased {
    pub(crate) streams_body: bool,
    pub(crate) call: Box<dyn Fn(Context, Body) -> Answer + Send + Sync>,
}

impl<F, Fut> Handler<(Context,)> for F
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoResponse,
{
    fn erase(self) -> Erased {
        Erased {
            streams_body: false,
            call: Box::new(move |context, _| {
                let answer = self(context);
                Box::pin(async move { answer.await.into_response() })
            }),
        }
    }
}

impl<F, Fut> Handler<(Context, Body)> for F
where
    F: Fn(Context, Body) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoResponse,
{
    fn erase(self) -> Erased {
        Erased {
            streams_body: true,
            call: Box::new(move |context, body| {
                let answer = self(context, body);
                Box::pin(async move { answer.await.into_response() })
            }),
        }
    }
}

/// What a handler returns: `Response`, `Result<Response, E>`, or `Result<T, E>` with a `T` that serde can serialise.
pub trait IntoResponse {
    #[doc(hidden)]
    fn into_response(self) -> Result<Response>;
}

impl IntoResponse for Response {
    fn into_response(self) -> Result<Response> {
        Ok(self)
    }
}

impl<E: IntoError> IntoResponse for Result<Response, E> {
    fn into_response(self) -> Result<Response> {
        self.map_err(IntoError::into_error)
    }
}

impl<T: Serialize + 'static, E: IntoError> IntoResponse for Result<T, E> {
    fn into_response(self) -> Result<Response> {
        self.map(Response::from_value).map_err(IntoError::into_error)
    }
}
