//! Models of the resolved directory, on onnxruntime: `runtimes/models.md`.

mod audio;
mod directory;
mod errors;
mod session;
mod text;
mod whisper;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use self::directory::Directory;
use self::text::TextModel;
use self::whisper::Whisper;
use super::{Inference, ModelError, Prediction};

/// Opens a model directory. Its weights are read at the first use.
pub(super) fn load(path: &Path, name: &str) -> Result<Arc<dyn Inference>, ModelError> {
    Ok(Arc::new(Loaded {
        directory: Directory::open(path, name)?,
        texts: Once::default(),
        speech: Once::default(),
    }))
}

struct Loaded {
    directory: Directory,
    texts: Once<TextModel>,
    speech: Once<Whisper>,
}

impl Inference for Loaded {
    fn encode(&self, texts: &[String], batch_size: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        let model = self.texts.get(|| TextModel::open(&self.directory))?;
        model.encode(&self.directory, texts, batch_size)
    }

    fn predict(&self, texts: &[String], batch_size: usize) -> Result<Vec<Prediction>, ModelError> {
        let model = self.texts.get(|| TextModel::open(&self.directory))?;
        model.predict(&self.directory, texts, batch_size)
    }

    fn transcribe(&self, audio: &[u8], language: Option<&str>) -> Result<String, ModelError> {
        let model = self.speech.get(|| Whisper::open(&self.directory))?;
        model.transcribe(&audio::samples_of(audio)?, language)
    }
}

/// Made once, whoever asks first; a failure is tried again.
struct Once<T>(Mutex<Option<Arc<T>>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Once<T> {
    fn get(&self, make: impl FnOnce() -> Result<T, ModelError>) -> Result<Arc<T>, ModelError> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made.as_ref() {
            return Ok(Arc::clone(made));
        }
        let fresh = Arc::new(make()?);
        *made = Some(Arc::clone(&fresh));
        Ok(fresh)
    }
}
