//! Models: `runtimes/models.md`.

mod find;
#[cfg(feature = "model")]
mod loader;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

pub(crate) use self::find::find;
use crate::error::{Error, Result};
use crate::gateway::Gateway;

/// Why a model cannot do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelError {
    /// `unsupported_model`, `unsafe_model`, `unsupported_audio` and the like.
    pub code: &'static str,
    /// What happened, in words.
    pub message: String,
}

impl ModelError {
    /// An error of a model.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for ModelError {}

/// What a classifier says of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The likeliest label.
    pub label: String,
    /// Its probability.
    pub score: f32,
    /// Every label with its probability, in the model's order.
    pub scores: Vec<(String, f32)>,
}

/// A loaded model. The crate has one for the directories of `runtimes/models.md`; a test may have its own.
///
/// The methods compute and may block. Those that an architecture lacks are left as they are.
pub trait Inference: Send + Sync + 'static {
    /// One vector for each text.
    ///
    /// # Errors
    /// `unsupported_model` where the architecture has no vectors, and what goes wrong inside.
    fn encode(&self, texts: &[String], batch_size: usize) -> Result<Vec<Vec<f32>>, ModelError> {
        let _ = (texts, batch_size);
        Err(lacks("encode"))
    }

    /// One prediction for each text.
    ///
    /// # Errors
    /// `unsupported_model` where the architecture is no classifier, and what goes wrong inside.
    fn predict(&self, texts: &[String], batch_size: usize) -> Result<Vec<Prediction>, ModelError> {
        let _ = (texts, batch_size);
        Err(lacks("predict"))
    }

    /// What is said in a WAV file. `language` is a code such as `en`.
    ///
    /// # Errors
    /// `unsupported_model` where the architecture does not hear, `unsupported_audio`, and what goes wrong inside.
    fn transcribe(&self, audio: &[u8], language: Option<&str>) -> Result<String, ModelError> {
        let _ = (audio, language);
        Err(lacks("transcribe"))
    }
}

fn lacks(method: &str) -> ModelError {
    ModelError::new("unsupported_model", format!("this model has no {method}"))
}

/// A model by its name: see [`crate::Context::model`]. It is read at the first use and kept by the process.
#[derive(Clone)]
pub struct Model {
    name: String,
    path: PathBuf,
    loaded: Arc<OnceCell<Arc<dyn Inference>>>,
}

const BATCH: usize = 32;

impl Model {
    /// The name that it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory with its files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The vector of a text.
    ///
    /// # Errors
    /// A [`ModelError`].
    pub async fn encode(&self, text: &str) -> Result<Vec<f32>> {
        let vectors = self.encode_all([text]).await?;
        vectors
            .into_iter()
            .next()
            .ok_or_else(|| Error::new("the model gave no vector"))
    }

    /// The vectors of texts.
    ///
    /// # Errors
    /// A [`ModelError`].
    pub async fn encode_all<S: Into<String>>(
        &self,
        texts: impl IntoIterator<Item = S>,
    ) -> Result<Vec<Vec<f32>>> {
        let texts = owned(texts);
        self.compute(move |model| model.encode(&texts, BATCH)).await
    }

    /// The likeliest label of a text.
    ///
    /// # Errors
    /// A [`ModelError`].
    pub async fn predict(&self, text: &str) -> Result<Prediction> {
        let predictions = self.predict_all([text]).await?;
        predictions
            .into_iter()
            .next()
            .ok_or_else(|| Error::new("the model gave no prediction"))
    }

    /// The likeliest labels of texts.
    ///
    /// # Errors
    /// A [`ModelError`].
    pub async fn predict_all<S: Into<String>>(
        &self,
        texts: impl IntoIterator<Item = S>,
    ) -> Result<Vec<Prediction>> {
        let texts = owned(texts);
        self.compute(move |model| model.predict(&texts, BATCH)).await
    }

    /// What is said in a WAV file, in the language that the model finds likeliest.
    ///
    /// # Errors
    /// A [`ModelError`].
    pub async fn transcribe(&self, audio: &[u8]) -> Result<String> {
        let audio = audio.to_vec();
        self.compute(move |model| model.transcribe(&audio, None)).await
    }

    /// What is said in a WAV file in a language, given by a code such as `en`.
    ///
    /// # Errors
    /// A [`ModelError`].
    pub async fn transcribe_in(&self, audio: &[u8], language: &str) -> Result<String> {
        let (audio, language) = (audio.to_vec(), language.to_owned());
        self.compute(move |model| model.transcribe(&audio, Some(&language)))
            .await
    }

    /// Loads the model where nobody has yet, and computes on a thread that may block.
    async fn compute<T: Send + 'static>(
        &self,
        run: impl FnOnce(&dyn Inference) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T> {
        let loading = self.loaded.get_or_try_init(|| async {
            let (path, name) = (self.path.clone(), self.name.clone());
            blocking(move || load(&path, &name)).await
        });
        let model = Arc::clone(loading.await?);
        blocking(move || run(model.as_ref())).await
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, ModelError> + Send + 'static,
) -> Result<T> {
    Ok(tokio::task::spawn_blocking(run).await??)
}

fn owned<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Vec<String> {
    texts.into_iter().map(Into::into).collect()
}

#[cfg(feature = "model")]
use self::loader::load;

/// Says how a loader is had.
#[cfg(not(feature = "model"))]
fn load(path: &Path, name: &str) -> Result<Arc<dyn Inference>, ModelError> {
    let path = path.display();
    let message = format!(
        "the model {name} lies in {path}, but this function was compiled without a loader: \
         build it with the feature `model` of hanzo_functions"
    );
    Err(ModelError::new("unsupported_model", message))
}

impl fmt::Debug for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Model");
        shown.field("name", &self.name).field("path", &self.path);
        shown.finish_non_exhaustive()
    }
}

/// The models of one process: each is found once and loaded once, whichever call asks first.
#[derive(Default)]
pub(crate) struct Models {
    directory: Option<PathBuf>,
    known: Mutex<HashMap<String, Model>>,
}

impl Models {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self {
            directory,
            known: Mutex::default(),
        }
    }

    pub(crate) async fn get(&self, name: &str, gateway: &Gateway) -> Result<Model> {
        if let Some(model) = self.known().get(name) {
            return Ok(model.clone());
        }
        let path = find(name, self.directory.as_deref(), gateway).await?;
        let model = Model {
            name: name.to_owned(),
            path,
            loaded: Arc::default(),
        };
        // Another call may have found it meanwhile: the first one is kept, so that it is loaded once.
        Ok(self.known().entry(name.to_owned()).or_insert(model).clone())
    }

    /// Puts a loaded model in, as a test does.
    pub(crate) fn put(&self, name: &str, path: PathBuf, model: Arc<dyn Inference>) {
        let model = Model {
            name: name.to_owned(),
            path,
            loaded: Arc::new(OnceCell::new_with(Some(model))),
        };
        self.known().insert(name.to_owned(), model);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Model>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
