//! Unit tests of {{name}}: hanzo-fn test.

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use serde_json::{json, Value};

use {{crate}}::handler::fulfil;

fn order() -> Value {
    json!({ "order": "o-1", "sku": "rye-bread", "quantity": 2 })
}

fn deliver(platform: &TestPlatform, items: Vec<(&str, Value)>) -> Value {
    let answer = block_on(platform.invoke(fulfil, Call::batch(items))).unwrap();
    assert_eq!(answer.status, 200);
    answer.json().unwrap()
}

#[test]
fn a_message_that_comes_twice_is_fulfilled_once() {
    let platform = TestPlatform::new();
    for _ in 0..2 {
        let answer = deliver(&platform, vec![("mq:1", order())]);
        assert_eq!(answer, json!({ "results": [{ "id": "mq:1" }] }));
    }
    let sent = platform.published();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].subject.as_str(), &sent[0].data),
        ("mq.shipping.request", &order())
    );
}

#[test]
fn only_what_failed_is_told_to_come_again() {
    let platform = TestPlatform::new();
    block_on(platform.kv().set("hold:salt", "recall")).unwrap();
    let salt = json!({ "order": "o-2", "sku": "salt", "quantity": 1 });
    let items = vec![
        ("mq:1", order()),
        ("mq:2", salt),
        ("mq:3", json!({ "order": 7 })),
    ];
    let answer = deliver(&platform, items);
    assert_eq!(answer["results"][0], json!({ "id": "mq:1" }));
    assert_eq!(answer["results"][1]["error"]["kind"], "transient");
    assert_eq!(answer["results"][2]["error"]["kind"], "permanent");
}

#[test]
fn refuses_what_is_no_batch() {
    let answer = block_on(TestPlatform::new().invoke(fulfil, Call::json(order()))).unwrap();
    assert_eq!(answer.status, 400);
}
