//! Unit tests of {{name}}: hanzo-fn test.

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use serde_json::{json, Value};

use {{crate}}::handler::report;

const DUE: &str = "2026-03-01T05:00:00.000Z";
const KEY: &str = "report:2026-03-01T05:00:00.000Z";

fn fire(platform: &TestPlatform) -> Value {
    let call = Call::json(json!({ "regions": ["eu", "us"] }))
        .header("x-function-trigger", "cron")
        .header("x-function-trigger-timestamp", DUE);
    let answer = block_on(platform.invoke(report, call)).unwrap();
    answer.json().unwrap()
}

#[test]
fn reports_the_orders_of_each_region() {
    let platform = TestPlatform::new();
    block_on(platform.kv().set("orders:eu", 3)).unwrap();
    assert_eq!(fire(&platform), json!({ "due": DUE, "new": true }));
    let written = block_on(platform.kv().get(KEY)).unwrap();
    assert_eq!(written.as_deref(), Some(r#"{"eu":3,"us":0}"#));
}

#[test]
fn a_run_that_is_tried_again_leaves_the_report_as_it_is() {
    let platform = TestPlatform::new();
    block_on(platform.kv().set(KEY, "written before")).unwrap();
    assert_eq!(fire(&platform), json!({ "due": DUE, "new": false }));
    let written = block_on(platform.kv().get(KEY)).unwrap();
    assert_eq!(written.as_deref(), Some("written before"));
}

#[test]
fn asks_for_regions() {
    let answer = block_on(TestPlatform::new().invoke(report, Call::json(json!({})))).unwrap();
    assert_eq!(answer.status, 400);
}
