//! The files of one model (runtimes/models.md in the platform's repository).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::Deserialize;

use super::errors::{unsafe_model, unsupported_model};
use super::ModelError;

const PICKLED: [&str; 6] = ["bin", "pt", "pth", "pkl", "ckpt", "h5"];

pub(super) struct Directory {
    pub path: PathBuf,
    pub name: String,
    pub config: Config,
}

/// The part of config.json that is read here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub model_type: Option<String>,
    pub id2label: Option<HashMap<String, String>>,
    pub problem_type: Option<String>,
    pub max_position_embeddings: Option<usize>,
    pub pad_token_id: Option<i64>,
}

impl Directory {
    pub fn open(path: &Path, name: &str) -> Result<Self, ModelError> {
        refuse_pickled(path, name)?;
        let mut directory = Self {
            path: path.to_owned(),
            name: name.to_owned(),
            config: Config::default(),
        };
        directory.config = directory.json("config.json")?.unwrap_or_default();
        Ok(directory)
    }

    /// The architecture in words.
    pub fn kind(&self) -> &str {
        self.config
            .model_type
            .as_deref()
            .unwrap_or("of unknown architecture")
    }

    /// A file of the directory; `None` where there is none.
    pub fn json<T: DeserializeOwned>(&self, file: &str) -> Result<Option<T>, ModelError> {
        let path = self.path.join(file);
        let Ok(text) = fs::read(&path) else {
            return Ok(None);
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| unsupported_model(format!("{} does not parse: {error}", path.display())))
    }

    /// A graph in the directory or in `onnx/` below it.
    pub fn graph(&self, name: &str) -> Result<PathBuf, ModelError> {
        let places = [self.path.join(name), self.path.join("onnx").join(name)];
        places.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            unsupported_model(format!(
                "the model {} ({}) has no graph: neither {name} nor onnx/{name} is in {}",
                self.name,
                self.kind(),
                self.path.display()
            ))
        })
    }

    pub fn tokenizer(&self) -> Result<tokenizers::Tokenizer, ModelError> {
        let path = self.path.join("tokenizer.json");
        if !path.is_file() {
            let message = format!(
                "the model {} has no tokenizer.json in {}",
                self.name,
                self.path.display()
            );
            return Err(unsupported_model(message));
        }
        let mut tokenizer = tokenizers::Tokenizer::from_file(&path)
            .map_err(|error| unsupported_model(format!("{} does not parse: {error}", path.display())))?;
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| unsupported_model(error.to_string()))?;
        Ok(tokenizer)
    }
}

/// Says no where the only weights are pickled: reading those runs whatever code is in them.
fn refuse_pickled(path: &Path, name: &str) -> Result<(), ModelError> {
    let mut pickled = None;
    for entry in fs::read_dir(path)
        .map_err(|error| unsupported_model(error.to_string()))?
        .flatten()
    {
        let file = PathBuf::from(entry.file_name());
        let ending = file
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        if file.as_os_str() == "onnx" || ending == "safetensors" || ending == "onnx" {
            return Ok(());
        }
        if PICKLED.contains(&ending) {
            pickled.get_or_insert(file);
        }
    }
    let Some(file) = pickled else { return Ok(()) };
    Err(unsafe_model(format!(
        "the weights of {name} are pickled ({}), and reading them would run whatever code is in there: \
         convert them to safetensors or ONNX",
        file.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let path = std::env::temp_dir().join(format!("hanzo-fn-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            for (file, text) in files {
                fs::write(path.join(file), text).unwrap();
            }
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn weights_that_are_pickled_alone_are_refused() {
        let folder = Folder::with("pickled", &[("config.json", "{}"), ("pytorch_model.bin", "")]);
        let error = Directory::open(&folder.0, "m").err().unwrap();
        assert_eq!(error.code, "unsafe_model");
        assert!(error.message.contains("pytorch_model.bin"), "{error}");
        fs::write(folder.0.join("model.safetensors"), "").unwrap();
        assert!(Directory::open(&folder.0, "m").is_ok());
    }

    #[test]
    fn a_directory_without_a_graph_says_what_was_looked_for() {
        let folder = Folder::with("bare", &[("config.json", r#"{"model_type":"t5"}"#)]);
        let error = Directory::open(&folder.0, "m")
            .unwrap()
            .graph("model.onnx")
            .unwrap_err();
        assert_eq!(error.code, "unsupported_model");
        assert!(error.message.contains("the model m (t5)") && error.message.contains("onnx/model.onnx"));
    }

    #[test]
    fn a_file_that_does_not_parse_is_named() {
        let folder = Folder::with("broken", &[("config.json", "{")]);
        let error = Directory::open(&folder.0, "m").err().unwrap();
        assert!(error.message.contains("config.json does not parse"), "{error}");
    }
}
