//! Unit tests of {{name}}: hanzo-fn test.

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use serde_json::json;

use {{crate}}::handler::hello;

#[test]
fn greets_by_name() {
    let platform = TestPlatform::new();
    let answer = block_on(platform.invoke(hello, Call::json(json!({ "name": "Ada" })))).unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.text().unwrap().contains(", Ada!"));
    assert_eq!(platform.logs().len(), 1);
}

#[test]
fn greets_the_world_without_a_name() {
    let answer = block_on(TestPlatform::new().invoke(hello, Call::empty())).unwrap();
    assert!(answer.text().unwrap().contains(", world!"));
}
