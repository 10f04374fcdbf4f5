//! Encoders and classifiers of text.

use serde::Deserialize;
use tokenizers::{Tokenizer, TruncationParams};

use super::directory::{Config, Directory};
use super::errors::unsupported_model;
use super::session::{Input, Session};
use super::{ModelError, Prediction};

const FALLBACK_LENGTH: usize = 512;

/// A graph from token ids to hidden states or to logits.
pub(super) struct TextModel {
    session: Session,
    tokenizer: Tokenizer,
    first_only: bool,
    normalises: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pooling {
    pooling_mode_cls_token: bool,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sentence {
    max_seq_length: Option<usize>,
}

struct Batch {
    /// Token ids, one row per text.
    rows: Vec<Vec<i64>>,
    longest: usize,
}

impl TextModel {
    pub fn open(directory: &Directory) -> Result<Self, ModelError> {
        let session = Session::open(directory, "model.onnx")?;
        let mut tokenizer = directory.tokenizer()?;
        let sentence: Sentence = directory.json("sentence_bert_config.json")?.unwrap_or_default();
        let stated = sentence
            .max_seq_length
            .or(directory.config.max_position_embeddings);
        let cut = TruncationParams {
            max_length: stated.unwrap_or(FALLBACK_LENGTH),
            ..TruncationParams::default()
        };
        tokenizer
            .with_truncation(Some(cut))
            .map_err(|error| unsupported_model(error.to_string()))?;
        let pooling: Pooling = directory.json("1_Pooling/config.json")?.unwrap_or_default();
        let modules: Vec<Module> = directory.json("modules.json")?.unwrap_or_default();
        Ok(Self {
            session,
            tokenizer,
            first_only: pooling.pooling_mode_cls_token,
            normalises: modules.iter().any(|module| module.kind.ends_with("Normalize")),
        })
    }

    pub fn encode(
        &self,
        directory: &Directory,
        texts: &[String],
        batch_size: usize,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        self.needs(directory, "last_hidden_state", "encode")?;
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(batch_size.max(1)) {
            let (batch, hidden) = self.run(&directory.config, texts, "last_hidden_state")?;
            let row = hidden.len() / batch.rows.len();
            for (ids, hidden) in batch.rows.iter().zip(hidden.chunks(row)) {
                let count = if self.first_only { 1 } else { ids.len() };
                vectors.push(self.pooled(&hidden[..count * (row / batch.longest)], count));
            }
        }
        Ok(vectors)
    }

    pub fn predict(
        &self,
        directory: &Directory,
        texts: &[String],
        batch_size: usize,
    ) -> Result<Vec<Prediction>, ModelError> {
        self.needs(directory, "logits", "predict")?;
        let mut found = Vec::with_capacity(texts.len());
        for texts in texts.chunks(batch_size.max(1)) {
            let (batch, logits) = self.run(&directory.config, texts, "logits")?;
            let width = logits.len() / batch.rows.len();
            found.extend(logits.chunks(width).map(|row| prediction(&directory.config, row)));
        }
        Ok(found)
    }

    fn needs(&self, directory: &Directory, output: &str, method: &str) -> Result<(), ModelError> {
        if self.session.has(output) {
            return Ok(());
        }
        Err(unsupported_model(format!(
            "the model {} ({}) cannot {method}: its graph has no output {output}",
            directory.name,
            directory.kind()
        )))
    }

    fn run(&self, config: &Config, texts: &[String], output: &str) -> Result<(Batch, Vec<f32>), ModelError> {
        let mut rows = Vec::with_capacity(texts.len());
        for text in texts {
            let encoding = self
                .tokenizer
                .encode(text.as_str(), true)
                .map_err(|error| unsupported_model(error.to_string()))?;
            rows.push(
                encoding
                    .get_ids()
                    .iter()
                    .map(|id| i64::from(*id))
                    .collect::<Vec<_>>(),
            );
        }
        let longest = rows.iter().map(Vec::len).max().unwrap_or_default();
        let batch = Batch { rows, longest };
        let (data, _) = self
            .session
            .run(batch.feed(config.pad_token_id.unwrap_or_default()), output)?;
        Ok((batch, data))
    }

    /// The mean of the rows of `hidden`, normalised where the model says so.
    fn pooled(&self, hidden: &[f32], count: usize) -> Vec<f32> {
        let width = hidden.len() / count;
        let mut vector: Vec<f32> = (0..width)
            .map(|dim| {
                (0..count)
                    .map(|at| f64::from(hidden[at * width + dim]))
                    .sum::<f64>()
                    / count as f64
            })
            .map(|mean| mean as f32)
            .collect();
        if self.normalises {
            let length = vector
                .iter()
                .map(|value| f64::from(*value).powi(2))
                .sum::<f64>()
                .sqrt()
                .max(1e-12);
            vector
                .iter_mut()
                .for_each(|value| *value = (f64::from(*value) / length) as f32);
        }
        vector
    }
}

impl Batch {
    fn feed(&self, pad: i64) -> Vec<(&'static str, Input)> {
        let shape = vec![self.rows.len() as i64, self.longest as i64];
        let size = self.rows.len() * self.longest;
        let (mut ids, mut mask) = (vec![pad; size], vec![0; size]);
        for (index, row) in self.rows.iter().enumerate() {
            let start = index * self.longest;
            ids[start..start + row.len()].copy_from_slice(row);
            mask[start..start + row.len()].fill(1);
        }
        vec![
            ("input_ids", Input::Ints(ids, shape.clone())),
            ("attention_mask", Input::Ints(mask, shape.clone())),
            ("token_type_ids", Input::Ints(vec![0; size], shape)),
        ]
    }
}

fn prediction(config: &Config, logits: &[f32]) -> Prediction {
    let independent = config.problem_type.as_deref() == Some("multi_label_classification");
    let label = |index: usize| {
        let known = config
            .id2label
            .as_ref()
            .and_then(|labels| labels.get(&index.to_string()));
        known.cloned().unwrap_or_else(|| format!("LABEL_{index}"))
    };
    let probabilities = probabilities(logits, independent);
    let scores = probabilities
        .iter()
        .enumerate()
        .map(|(index, score)| (label(index), *score as f32));
    let scores: Vec<(String, f32)> = scores.collect();
    let (label, score) = scores.iter().fold((String::new(), -1.0), |best, (label, score)| {
        if *score > best.1 {
            (label.clone(), *score)
        } else {
            best
        }
    });
    Prediction { label, score, scores }
}

fn probabilities(logits: &[f32], independent: bool) -> Vec<f64> {
    if independent {
        return logits
            .iter()
            .map(|logit| 1.0 / (1.0 + (-f64::from(*logit)).exp()))
            .collect();
    }
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let raised: Vec<f64> = logits.iter().map(|logit| f64::from(logit - top).exp()).collect();
    let sum: f64 = raised.iter().sum();
    raised.into_iter().map(|value| value / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_filled_up_to_its_longest() {
        let batch = Batch {
            rows: vec![vec![5, 6, 7], vec![8]],
            longest: 3,
        };
        let values: Vec<Vec<i64>> = batch
            .feed(9)
            .into_iter()
            .map(|(_, input)| match input {
                Input::Ints(values, shape) => {
                    assert_eq!(shape, [2, 3]);
                    values
                }
                Input::Floats(..) => panic!("ids are whole numbers"),
            })
            .collect();
        assert_eq!(values, [[5, 6, 7, 8, 9, 9], [1, 1, 1, 1, 0, 0], [0; 6]]);
    }

    #[test]
    fn scores_are_probabilities_under_their_labels() {
        let id2label = Some([("0".to_owned(), "no".to_owned())].into());
        let config = Config {
            id2label,
            ..Config::default()
        };
        let found = prediction(&config, &[0.0, 3.0_f32.ln()]);
        assert_eq!(found.label, "LABEL_1");
        assert!((found.score - 0.75).abs() < 1e-6);
        assert_eq!(found.scores[0].0, "no");
        assert!((found.scores[0].1 - 0.25).abs() < 1e-6);
    }

    #[test]
    fn labels_that_exclude_nothing_have_probabilities_of_their_own() {
        let problem_type = Some("multi_label_classification".to_owned());
        let config = Config {
            problem_type,
            ..Config::default()
        };
        let scores = prediction(&config, &[0.0, 3.0_f32.ln()]).scores;
        assert!((scores[0].1 - 0.5).abs() < 1e-6 && (scores[1].1 - 0.75).abs() < 1e-6);
    }
}
