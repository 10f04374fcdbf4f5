//! The sample of the specification (HIP-60, Rust Runtime), unchanged, under the test kit.

#[path = "spec_sample/handler.rs"]
#[rustfmt::skip]
mod handler;

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use hanzo_functions::{Inference, ModelError, Result};
use serde_json::json;

/// Hears how many bytes it was given.
struct Ear;

impl Inference for Ear {
    fn transcribe(&self, audio: &[u8], _: Option<&str>) -> Result<String, ModelError> {
        Ok(format!("{} bytes", audio.len()))
    }
}

#[test]
fn the_sample_transcribes_answers_and_publishes() {
    block_on(async {
        let platform = TestPlatform::new().with_model("whisper-small", Ear);
        platform.storage().put("talks/one.wav", vec![0; 7]).await?;
        let call = Call::json(json!({"audio_url": "talks/one.wav"}));
        let answer = platform.invoke(handler::transcribe, call).await?;
        assert_eq!(
            (answer.status, answer.json()?),
            (200, json!({"transcript": "7 bytes"}))
        );
        let published = platform.published();
        assert_eq!(published.len(), 1);
        assert_eq!(published[0].subject, "mq.pipeline.transcription.complete");
        let wanted = json!({"audio_url": "talks/one.wav", "transcript": "7 bytes"});
        assert_eq!(published[0].data, wanted);
        Ok::<(), hanzo_functions::Error>(())
    })
    .unwrap();
}

#[test]
fn the_sample_fails_with_what_is_missing() {
    block_on(async {
        let platform = TestPlatform::new();
        let failed = |call| platform.invoke(handler::transcribe, call);
        let empty = failed(Call::json(json!({}))).await.unwrap_err();
        assert!(empty.to_string().contains("audio_url"));
        let absent = failed(Call::json(json!({"audio_url": "none.wav"})))
            .await
            .unwrap_err();
        assert_eq!(absent.name(), "GatewayError");
    });
}
