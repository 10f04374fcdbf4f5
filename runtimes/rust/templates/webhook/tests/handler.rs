//! Unit tests of {{name}}: hanzo-fn test.

use std::env;

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use {{crate}}::handler::receive;

const SECRET: &str = "test-secret";
const BODY: &str = r#"{"type": "order.paid"}"#;

fn signature(body: &str) -> String {
    let mut code = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    code.update(body.as_bytes());
    let hex: String = code
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256={hex}")
}

fn status(body: &str, signature: &str) -> u16 {
    env::set_var("WEBHOOK_SECRET", SECRET);
    let call = Call::body(body.to_owned(), "application/json").header("X-Signature", signature);
    block_on(TestPlatform::new().invoke(receive, call))
        .unwrap()
        .status
}

#[test]
fn takes_what_is_signed() {
    assert_eq!(status(BODY, &signature(BODY)), 200);
}

#[test]
fn refuses_what_was_changed_on_the_way() {
    assert_eq!(status(&BODY.replace("paid", "sent"), &signature(BODY)), 401);
}

#[test]
fn refuses_what_is_not_signed() {
    assert_eq!(status(BODY, ""), 401);
}
