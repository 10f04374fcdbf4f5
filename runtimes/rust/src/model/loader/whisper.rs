//! Speech to text with Whisper's graphs, decoded greedily.

use std::collections::HashMap;

use serde::Deserialize;
use tokenizers::Tokenizer;

use super::audio::RATE;
use super::directory::Directory;
use super::errors::unsupported_model;
use super::session::{Input, Session};
use super::ModelError;

const PIECE: usize = 30 * RATE;
const MAX_TOKENS: usize = 448;

pub(super) struct Whisper {
    preprocessor: Session,
    encoder: Session,
    decoder: Session,
    tokenizer: Tokenizer,
    settings: Settings,
}

/// The part of generation_config.json that is read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings {
    decoder_start_token_id: Option<i64>,
    eos_token_id: Option<i64>,
    lang_to_id: Option<HashMap<String, i64>>,
    task_to_id: Option<HashMap<String, i64>>,
    no_timestamps_token_id: Option<i64>,
    forced_decoder_ids: Option<Vec<(i64, Option<i64>)>>,
    suppress_tokens: Option<Vec<i64>>,
    begin_suppress_tokens: Option<Vec<i64>>,
    max_length: Option<usize>,
}

impl Settings {
    /// The fields of `self`, and those of `other` where `self` has none.
    fn or(self, other: Self) -> Self {
        Self {
            decoder_start_token_id: self.decoder_start_token_id.or(other.decoder_start_token_id),
            eos_token_id: self.eos_token_id.or(other.eos_token_id),
            lang_to_id: self.lang_to_id.or(other.lang_to_id),
            task_to_id: self.task_to_id.or(other.task_to_id),
            no_timestamps_token_id: self.no_timestamps_token_id.or(other.no_timestamps_token_id),
            forced_decoder_ids: self.forced_decoder_ids.or(other.forced_decoder_ids),
            suppress_tokens: self.suppress_tokens.or(other.suppress_tokens),
            begin_suppress_tokens: self.begin_suppress_tokens.or(other.begin_suppress_tokens),
            max_length: self.max_length.or(other.max_length),
        }
    }
}

/// The encoder's output for one piece of sound.
struct Heard {
    data: Vec<f32>,
    shape: Vec<i64>,
}

impl Whisper {
    pub fn open(directory: &Directory) -> Result<Self, ModelError> {
        if directory.config.model_type.as_deref() != Some("whisper") {
            let message = format!(
                "the model {} ({}) cannot transcribe",
                directory.name,
                directory.kind()
            );
            return Err(unsupported_model(message));
        }
        let generation: Settings = directory.json("generation_config.json")?.unwrap_or_default();
        Ok(Self {
            preprocessor: Session::open(directory, "preprocessor.onnx")?,
            encoder: Session::open(directory, "encoder_model.onnx")?,
            decoder: Session::open(directory, "decoder_model.onnx")?,
            tokenizer: directory.tokenizer()?,
            settings: generation.or(directory.json("config.json")?.unwrap_or_default()),
        })
    }

    pub fn transcribe(&self, samples: &[f32], language: Option<&str>) -> Result<String, ModelError> {
        let mut texts = Vec::new();
        for piece in samples.chunks(PIECE) {
            let heard = self.listen(piece)?;
            let prefix = self.prefix(&heard, language)?;
            let ids: Vec<u32> = self
                .decode(&heard, prefix)?
                .into_iter()
                .map(|id| id as u32)
                .collect();
            let text = self
                .tokenizer
                .decode(&ids, true)
                .map_err(|error| unsupported_model(error.to_string()))?;
            if !text.trim().is_empty() {
                texts.push(text.trim().to_owned());
            }
        }
        Ok(texts.join(" "))
    }

    fn listen(&self, samples: &[f32]) -> Result<Heard, ModelError> {
        let audio = Input::Floats(samples.to_vec(), vec![samples.len() as i64]);
        let (features, shape) = self.preprocessor.run(vec![("audio", audio)], "input_features")?;
        let features = Input::Floats(features, shape);
        let (data, shape) = self
            .encoder
            .run(vec![("input_features", features)], "last_hidden_state")?;
        Ok(Heard { data, shape })
    }

    /// The logits after the last of the ids.
    fn next(&self, heard: &Heard, ids: &[i64]) -> Result<Vec<f32>, ModelError> {
        let feed = vec![
            ("input_ids", Input::Ints(ids.to_vec(), vec![1, ids.len() as i64])),
            (
                "encoder_hidden_states",
                Input::Floats(heard.data.clone(), heard.shape.clone()),
            ),
        ];
        let (logits, _) = self.decoder.run(feed, "logits")?;
        Ok(logits[logits.len() - logits.len() / ids.len()..].to_vec())
    }

    fn prefix(&self, heard: &Heard, language: Option<&str>) -> Result<Vec<i64>, ModelError> {
        let settings = &self.settings;
        let start = settings.decoder_start_token_id.ok_or_else(|| {
            unsupported_model("generation_config.json: no decoder_start_token_id".to_owned())
        })?;
        let mut ids = vec![start];
        let Some(languages) = &settings.lang_to_id else {
            ids.extend(
                settings
                    .forced_decoder_ids
                    .iter()
                    .flatten()
                    .filter_map(|(_, id)| *id),
            );
            return Ok(ids);
        };
        let spoken = match language {
            Some(code) => languages.get(&format!("<|{code}|>")).copied(),
            None => {
                let logits = self.next(heard, &ids)?;
                languages
                    .values()
                    .copied()
                    .max_by(|a, b| logits[*a as usize].total_cmp(&logits[*b as usize]))
            }
        };
        ids.push(spoken.ok_or_else(|| {
            unsupported_model(format!(
                "the model knows no language {}",
                language.unwrap_or_default()
            ))
        })?);
        ids.extend(
            settings
                .task_to_id
                .as_ref()
                .and_then(|tasks| tasks.get("transcribe")),
        );
        ids.extend(settings.no_timestamps_token_id);
        Ok(ids)
    }

    fn decode(&self, heard: &Heard, prefix: Vec<i64>) -> Result<Vec<i64>, ModelError> {
        let settings = &self.settings;
        let first = prefix.len();
        let mut ids = prefix;
        while ids.len() < settings.max_length.unwrap_or(MAX_TOKENS) {
            let mut logits = self.next(heard, &ids)?;
            silence(&mut logits, settings.suppress_tokens.as_deref());
            if ids.len() == first {
                silence(&mut logits, settings.begin_suppress_tokens.as_deref());
            }
            let best = likeliest(&logits);
            if Some(best) == settings.eos_token_id {
                break;
            }
            ids.push(best);
        }
        Ok(ids.split_off(first))
    }
}

fn silence(logits: &mut [f32], ids: Option<&[i64]>) {
    for id in ids.unwrap_or_default() {
        if let Some(logit) = usize::try_from(*id).ok().and_then(|id| logits.get_mut(id)) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// The first of the largest.
fn likeliest(logits: &[f32]) -> i64 {
    let mut best = 0;
    for (id, value) in logits.iter().enumerate() {
        if *value > logits[best] {
            best = id;
        }
    }
    best as i64
}
