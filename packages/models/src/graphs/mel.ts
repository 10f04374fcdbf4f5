import { Graph, type Value } from "../onnx/graph.ts";

/** How a model wants its sound; the defaults are Whisper's (its preprocessor_config.json). */
export interface MelSettings {
  readonly sampleRate: number;
  /** Samples per window. */
  readonly window: number;
  /** Samples from one window to the next. */
  readonly hop: number;
  readonly mels: number;
  /** Samples that the model hears at once; shorter sound is filled up with silence. */
  readonly samples: number;
}

export const WHISPER_MEL = { sampleRate: 16_000, window: 400, hop: 160, mels: 80, samples: 480_000 } as const;

/**
 * Sound to log-mel spectrogram as one graph, so that no language has an own Fourier transform that could differ: `audio`
 * float [n] (mono, -1..1, at `sampleRate`) to `input_features` [1, mels, samples / hop]. The transform is a convolution with
 * cosines and sines under a Hann window. Source: the feature extractor described in Radford et al. 2022, section 2.2.
 */
export function melGraph(settings: MelSettings): Uint8Array {
  const { window, hop, mels, samples } = settings;
  const bins = window / 2 + 1;
  const frames = samples / hop;
  const graph = new Graph("log-mel");
  const audio = graph.input("audio", "float", ["samples"]);
  const silence = graph.floats(new Float32Array(samples), [samples]);
  const filled = graph.op("Slice", [
    graph.op("Concat", [audio, silence], { axis: 0 }),
    graph.ints(0),
    graph.ints(samples),
    graph.ints(0),
  ]);
  const half = window / 2;
  const padded = graph.op("Pad", [filled, graph.ints(half, half)], { mode: "reflect" });
  const shaped = graph.op("Unsqueeze", [padded, graph.ints(0, 1)]);
  const kernel = graph.floats(fourierKernel(window), [2 * bins, 1, window]);
  const waves = graph.op("Conv", [shaped, kernel], { kernel_shape: [window], strides: [hop] });
  const squared = graph.op("Mul", [waves, waves]);
  const part = (from: number, to: number): Value =>
    graph.op("Slice", [squared, graph.ints(from), graph.ints(to), graph.ints(1)]);
  const power = graph.op("Add", [part(0, bins), part(bins, 2 * bins)]);
  const kept = graph.op("Slice", [power, graph.ints(0), graph.ints(frames), graph.ints(2)]);
  const filters = graph.floats(melFilters(settings, bins), [mels, bins]);
  const mel = graph.op("MatMul", [filters, kept]);
  graph.output(logScaled(graph, mel), "input_features", [1, mels, frames]);
  return graph.finish();
}

/** log10, at most 8 below the loudest, shifted and scaled. */
function logScaled(graph: Graph, mel: Value): Value {
  const audible = graph.op("Max", [mel, graph.scalar(1e-10)]);
  const log = graph.op("Mul", [graph.op("Log", [audible]), graph.scalar(Math.LOG10E)]);
  const loudest = graph.op("ReduceMax", [log], { keepdims: 0 });
  const floor = graph.op("Sub", [loudest, graph.scalar(8)]);
  const clamped = graph.op("Max", [log, floor]);
  return graph.op("Div", [graph.op("Add", [clamped, graph.scalar(4)]), graph.scalar(4)]);
}

function fourierKernel(window: number): Float32Array {
  const bins = window / 2 + 1;
  const kernel = new Float32Array(2 * bins * window);
  for (let bin = 0; bin < bins; bin += 1) {
    for (let n = 0; n < window; n += 1) {
      const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / window);
      const angle = (2 * Math.PI * bin * n) / window;
      kernel[bin * window + n] = hann * Math.cos(angle);
      kernel[(bins + bin) * window + n] = -hann * Math.sin(angle);
    }
  }
  return kernel;
}

const LINEAR_HZ_PER_MEL = 200 / 3;
const BREAK_HZ = 1000;
const LOG_STEP = Math.log(6.4) / 27;

/** Slaney's scale: linear below 1 kHz, logarithmic above. */
function toMel(hz: number): number {
  if (hz < BREAK_HZ) return hz / LINEAR_HZ_PER_MEL;
  return BREAK_HZ / LINEAR_HZ_PER_MEL + Math.log(hz / BREAK_HZ) / LOG_STEP;
}

function toHz(mel: number): number {
  const edge = BREAK_HZ / LINEAR_HZ_PER_MEL;
  return mel < edge ? mel * LINEAR_HZ_PER_MEL : BREAK_HZ * Math.exp((mel - edge) * LOG_STEP);
}

/** Triangles of equal area (Slaney 1998), [mels, bins], row by row. */
export function melFilters({ sampleRate, mels }: MelSettings, bins: number): Float32Array {
  const top = toMel(sampleRate / 2);
  const edges = Array.from({ length: mels + 2 }, (_, index) => toHz((top * index) / (mels + 1)));
  const filters = new Float32Array(mels * bins);
  for (let mel = 0; mel < mels; mel += 1) {
    const [low, middle, high] = edges.slice(mel, mel + 3) as [number, number, number];
    for (let bin = 0; bin < bins; bin += 1) {
      const hz = (bin * sampleRate) / 2 / (bins - 1);
      const height = Math.min((hz - low) / (middle - low), (high - hz) / (high - middle));
      filters[mel * bins + bin] = (Math.max(0, height) * 2) / (high - low);
    }
  }
  return filters;
}
