//! Unit tests of {{name}}: hanzo-fn test.

use std::env;

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use hanzo_functions::{Inference, ModelError};
use serde_json::json;

use {{crate}}::handler::embed;

/// Stands in for the model: no file is read.
struct FakeModel;

impl Inference for FakeModel {
    fn encode(&self, texts: &[String], _batch_size: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        Ok(texts
            .iter()
            .map(|text| vec![text.len() as f32, 0.5])
            .collect())
    }
}

#[test]
fn answers_the_embedding_of_the_text() {
    env::set_var("MODEL_NAME", "test-model");
    let platform = TestPlatform::new().with_model("test-model", FakeModel);
    let answer = block_on(platform.invoke(embed, Call::json(json!({ "text": "bread" })))).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json().unwrap(),
        json!({ "embedding": [5.0, 0.5], "dimensions": 2 })
    );
}

#[test]
fn asks_for_a_text() {
    let answer = block_on(TestPlatform::new().invoke(embed, Call::json(json!({})))).unwrap();
    assert_eq!(answer.status, 400);
}
