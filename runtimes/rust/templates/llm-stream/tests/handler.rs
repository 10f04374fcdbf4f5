//! Unit tests of {{name}}: hanzo-fn test.

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use serde_json::json;

use {{crate}}::handler::answer;

#[test]
fn streams_one_event_a_token_and_says_when_it_is_done() {
    let call = Call::json(json!({ "prompt": "two words" }));
    let streamed = block_on(TestPlatform::new().invoke(answer, call)).unwrap();
    assert_eq!(
        (streamed.status, streamed.header("content-type")),
        (200, Some("text/event-stream"))
    );
    let events: Vec<&str> = streamed.text().unwrap().trim_end().split("\n\n").collect();
    assert_eq!(events.len(), 5);
    assert!(events[0].contains("\"delta\""));
    assert!(events[4].starts_with("event: done"));
}

#[test]
fn asks_for_a_prompt() {
    let answered = block_on(TestPlatform::new().invoke(answer, Call::json(json!({})))).unwrap();
    assert_eq!(answered.status, 400);
}
