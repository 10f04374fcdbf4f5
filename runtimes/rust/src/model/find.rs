//! Where a model lies: section 10 of the runtime contract.

use std::path::{Path, PathBuf};

use serde_json::{json, Value};

use crate::gateway::{Gateway, GatewayError};

/// The models directory first, then the gateway, which names the places it looked at where it knows none.
pub(crate) async fn find(
    name: &str,
    directory: Option<&Path>,
    gateway: &Gateway,
) -> Result<PathBuf, GatewayError> {
    if let Some(directory) = directory.filter(|_| is_plain(name)) {
        let path = directory.join(name);
        if path.is_dir() {
            return Ok(path);
        }
    }
    let answer = gateway.post("/v1/models", &json!({ "name": name })).await?;
    match answer.get("path").and_then(Value::as_str) {
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(GatewayError::unavailable(
            "the gateway's answer names no path of the model",
        )),
    }
}

/// Whether a name stays inside the directory that it is looked up in.
fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| {
        let mut characters = part.chars();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        characters.next().is_some_and(is_word) && characters.all(|c| is_word(c) || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_directory_are_not_looked_up() {
        for name in ["bge-large-en-v1.5", "org/model", "a_b"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/../b", "/etc", "a//b", ".hidden", "a/"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
