//! Unit tests of {{name}}: hanzo-fn test.

use std::env;

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use serde_json::{json, Value};

use {{crate}}::handler::watch;

fn tell(platform: &TestPlatform, id: &str, tokens: u32) -> Value {
    env::set_var("TOKEN_LIMIT", "5000");
    let event = json!({
        "id": id,
        "timestamp": "2026-03-01T10:00:00.000Z",
        "data": { "model": "zen-7b", "total_tokens": tokens },
    });
    let answer = block_on(platform.invoke(watch, Call::json(event))).unwrap();
    answer.json().unwrap()
}

#[test]
fn adds_up_each_event_once() {
    let platform = TestPlatform::new();
    tell(&platform, "evt_1", 1200);
    tell(&platform, "evt_1", 1200);
    assert_eq!(
        tell(&platform, "evt_2", 1200),
        json!({ "model": "zen-7b", "total": 2400 })
    );
    assert_eq!(platform.published(), []);
}

#[test]
fn alerts_once_over_the_limit() {
    let platform = TestPlatform::new();
    for id in ["evt_1", "evt_2", "evt_3"] {
        tell(&platform, id, 3000);
    }
    let sent = platform.published();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].subject, "mq.alerts.tokens");
    assert_eq!(
        sent[0].data,
        json!({ "model": "zen-7b", "day": "2026-03-01", "total": 6000 })
    );
}
