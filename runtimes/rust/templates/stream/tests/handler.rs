//! Unit tests of {{name}}: hanzo-fn test.

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use serde_json::{json, Value};

use {{crate}}::handler::aggregate;

fn view(page: &str) -> Value {
    json!({ "data": { "page": page } })
}

fn deliver(platform: &TestPlatform, items: Vec<(&str, Value)>) {
    let answer = block_on(platform.invoke(aggregate, Call::batch(items))).unwrap();
    assert_eq!(answer.status, 200);
}

fn stored(platform: &TestPlatform, key: &str) -> Option<Value> {
    block_on(platform.kv().get_json(key)).unwrap()
}

#[test]
fn counts_by_page_and_partition() {
    let platform = TestPlatform::new();
    deliver(
        &platform,
        vec![
            ("kafka:page_views:0:7", view("/bread")),
            ("kafka:page_views:0:8", view("/bread")),
            ("kafka:page_views:1:3", view("/bread")),
        ],
    );
    let first = json!({ "views": 2, "offset": 8 });
    assert_eq!(stored(&platform, "views:/bread:0"), Some(first));
    let second = json!({ "views": 1, "offset": 3 });
    assert_eq!(stored(&platform, "views:/bread:1"), Some(second));
}

#[test]
fn an_event_that_comes_again_is_not_counted_again() {
    let platform = TestPlatform::new();
    let first = ("kafka:page_views:0:7", view("/bread"));
    deliver(&platform, vec![first.clone()]);
    deliver(
        &platform,
        vec![first, ("kafka:page_views:0:8", view("/bread"))],
    );
    let wanted = json!({ "views": 2, "offset": 8 });
    assert_eq!(stored(&platform, "views:/bread:0"), Some(wanted));
}

#[test]
fn an_event_without_a_page_is_passed_over() {
    let platform = TestPlatform::new();
    deliver(
        &platform,
        vec![
            ("kafka:page_views:0:1", json!("noise")),
            ("kafka:page_views:0:2", view("/salt")),
        ],
    );
    let wanted = json!({ "views": 1, "offset": 2 });
    assert_eq!(stored(&platform, "views:/salt:0"), Some(wanted));
}
