//! The handler of {{name}}.

use std::time::Duration;

use hanzo_functions::{stream, Context, Response, Result, SseEvent};
use serde_json::json;

const PAUSE: Duration = Duration::from_millis(30);

/// Answers `prompt` piece by piece, as server-sent events; each goes out as soon as it is there.
pub async fn answer(ctx: Context) -> Result<Response> {
    let Some(prompt) = ctx
        .data()
        .get_opt::<String>("prompt")?
        .filter(|text| !text.is_empty())
    else {
        return Ok(Response::error(400, "prompt is missing"));
    };
    Ok(Response::sse(stream::generate(|out| async move {
        let mut count = 0;
        // Call your model here. When the caller goes away, this is dropped at its next await.
        for word in format!("You asked: {prompt}").split(' ') {
            tokio::time::sleep(PAUSE).await;
            count += 1;
            out.send(SseEvent::data(json!({ "delta": format!("{word} ") })))
                .await;
        }
        out.send(SseEvent::data(json!({ "tokens": count })).event("done"))
            .await;
        Ok(())
    })))
}
