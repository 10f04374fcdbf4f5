//! Graphs on onnxruntime, whose shared library is loaded at the first use.

use std::env;
use std::sync::{Mutex, OnceLock};
use std::thread;

use ort::environment::Environment;
use ort::session::{Session as Graph, SessionInputValue};
use ort::value::Tensor;

use super::directory::Directory;
use super::errors::{missing_library, unsupported_model};
use super::ModelError;

/// Names the environment variable with the path of onnxruntime's shared library.
const LIBRARY: &str = "HANZO_ONNXRUNTIME";
const MAX_THREADS: usize = 4;

pub(super) struct Session {
    graph: Mutex<Graph>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// One input of a graph, with its shape.
pub(super) enum Input {
    Ints(Vec<i64>, Vec<i64>),
    Floats(Vec<f32>, Vec<i64>),
}

fn environment() -> Result<&'static Environment, ModelError> {
    static STARTED: OnceLock<Result<Environment, String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        let path = env::var(LIBRARY).unwrap_or_else(|_| "libonnxruntime.so.1".to_owned());
        let builder = ort::init_from(&path)
            .map_err(|error| format!("onnxruntime does not load from {path}: {error}"))?;
        builder
            .with_telemetry(false)
            .build()
            .map_err(|error| error.to_string())
    });
    started.as_ref().map_err(|message| missing_library(message))
}

impl Session {
    pub fn open(directory: &Directory, graph: &str) -> Result<Self, ModelError> {
        let path = directory.graph(graph)?;
        let environment = environment()?;
        let threads = thread::available_parallelism().map_or(1, |count| count.get().min(MAX_THREADS));
        let graph = Graph::builder(environment)
            .and_then(|builder| builder.with_intra_threads(threads).map_err(Into::into))
            .and_then(|mut builder| builder.commit_from_file(&path))
            .map_err(|error| {
                unsupported_model(format!("onnxruntime does not read {}: {error}", path.display()))
            })?;
        let inputs = graph
            .inputs()
            .iter()
            .map(|input| input.name().to_owned())
            .collect();
        let outputs = graph
            .outputs()
            .iter()
            .map(|output| output.name().to_owned())
            .collect();
        Ok(Self {
            graph: Mutex::new(graph),
            inputs,
            outputs,
        })
    }

    pub fn has(&self, output: &str) -> bool {
        self.outputs.iter().any(|name| name == output)
    }

    /// One output as floats, with its shape. Inputs that the graph does not take are left out.
    pub fn run(
        &self,
        feed: Vec<(&'static str, Input)>,
        output: &str,
    ) -> Result<(Vec<f32>, Vec<i64>), ModelError> {
        let mut inputs: Vec<(&str, SessionInputValue)> = Vec::new();
        for (name, input) in feed {
            if self.inputs.iter().any(|known| known == name) {
                let value: SessionInputValue = match input {
                    Input::Ints(data, shape) => Tensor::from_array((shape, data))
                        .map_err(unsupported_model)?
                        .into(),
                    Input::Floats(data, shape) => Tensor::from_array((shape, data))
                        .map_err(unsupported_model)?
                        .into(),
                };
                inputs.push((name, value));
            }
        }
        // A panic in another thread leaves the session whole: it is only read.
        let mut graph = self.graph.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let outputs = graph.run(inputs).map_err(unsupported_model)?;
        let value = outputs
            .get(output)
            .ok_or_else(|| unsupported_model(format!("the graph gave no {output}")))?;
        let (shape, data) = value.try_extract_tensor::<f32>().map_err(unsupported_model)?;
        Ok((data.to_vec(), shape.to_vec()))
    }
}
