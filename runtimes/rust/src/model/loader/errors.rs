//! The codes of what goes wrong with a model.

use super::ModelError;

pub(super) fn unsupported_model(message: impl ToString) -> ModelError {
    ModelError::new("unsupported_model", message.to_string())
}

pub(super) fn unsupported_audio(message: impl ToString) -> ModelError {
    ModelError::new("unsupported_audio", message.to_string())
}

pub(super) fn unsafe_model(message: impl ToString) -> ModelError {
    ModelError::new("unsafe_model", message.to_string())
}

pub(super) fn missing_library(message: impl ToString) -> ModelError {
    ModelError::new("missing_library", message.to_string())
}
