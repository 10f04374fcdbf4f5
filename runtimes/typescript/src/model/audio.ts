import { ModelError } from "./model-error.ts";

export const RATE = 16_000;
const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

interface Layout {
  readonly kind: number;
  readonly channels: number;
  readonly rate: number;
  readonly bits: number;
}

/** Mono samples at 16 kHz from a WAV file's bytes, or from samples that are that already. */
export function samplesOf(audio: Uint8Array | Float32Array): Float32Array {
  if (audio instanceof Float32Array) return audio;
  const { layout, body } = readWav(audio);
  return resampled(mixed(body, layout), layout.rate);
}

function unsupported(why: string): ModelError {
  return new ModelError(
    "unsupported_audio",
    `this sound cannot be read: ${why}; give a WAV file (PCM or float)`,
  );
}

function readWav(bytes: Uint8Array): { layout: Layout; body: DataView } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = (at: number): string => Buffer.from(bytes.buffer, bytes.byteOffset + at, 4).toString("latin1");
  if (bytes.length < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") throw unsupported("it is no WAV file");
  let layout: Layout | undefined;
  let body: DataView | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    const end = Math.min(start + size, bytes.length);
    if (name(at) === "fmt " && end - start >= 16) layout = readLayout(view, start, end);
    if (name(at) === "data") body = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
    at = start + size + (size % 2);
  }
  if (layout === undefined || body === undefined) throw unsupported("it has no format or no sound");
  if (layout.channels < 1 || layout.rate < 1) throw unsupported("it has no channels or no rate");
  return { layout, body };
}

function readLayout(view: DataView, start: number, end: number): Layout {
  const kind = view.getUint16(start, true);
  return {
    kind: kind === EXTENSIBLE && end - start >= 26 ? view.getUint16(start + 24, true) : kind,
    channels: view.getUint16(start + 2, true),
    rate: view.getUint32(start + 4, true),
    bits: view.getUint16(start + 14, true),
  };
}

/** Reads one sample, -1..1, at a byte offset. */
function reader({ kind, bits }: Layout, body: DataView): (at: number) => number {
  if (kind === FLOAT && bits === 32) return (at) => body.getFloat32(at, true);
  if (kind === PCM && bits === 8) return (at) => (body.getUint8(at) - 128) / 128;
  if (kind === PCM && bits === 16) return (at) => body.getInt16(at, true) / 32_768;
  if (kind === PCM && bits === 24)
    return (at) => (body.getUint16(at, true) + body.getInt8(at + 2) * 65_536) / 8_388_608;
  if (kind === PCM && bits === 32) return (at) => body.getInt32(at, true) / 2_147_483_648;
  throw unsupported(`its samples (format ${kind}, ${bits} bits) are not served`);
}

/** The mean of the channels. */
function mixed(body: DataView, layout: Layout): Float64Array {
  const read = reader(layout, body);
  const width = layout.bits / 8;
  const frame = width * layout.channels;
  const samples = new Float64Array(Math.floor(body.byteLength / frame));
  for (let index = 0; index < samples.length; index += 1) {
    let sum = 0;
    for (let channel = 0; channel < layout.channels; channel += 1)
      sum += read(index * frame + channel * width);
    samples[index] = sum / layout.channels;
  }
  return samples;
}

/** By a windowed sinc; the formula is in runtimes/models.md. */
function resampled(samples: Float64Array, rate: number): Float32Array {
  if (rate === RATE) return Float32Array.from(samples);
  const ratio = rate / RATE;
  const cut = Math.min(1, 1 / ratio);
  const reach = 16 / cut;
  const out = new Float32Array(Math.floor(samples.length / ratio));
  for (let index = 0; index < out.length; index += 1) {
    const centre = index * ratio;
    let sum = 0;
    const last = Math.min(samples.length - 1, Math.floor(centre + reach));
    for (let at = Math.max(0, Math.ceil(centre - reach)); at <= last; at += 1) {
      sum += (samples[at] as number) * kernel(centre - at, cut, reach);
    }
    out[index] = sum;
  }
  return out;
}

function kernel(distance: number, cut: number, reach: number): number {
  if (Math.abs(distance) >= reach) return 0;
  const angle = Math.PI * cut * distance;
  const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
  return cut * sinc * (0.5 + 0.5 * Math.cos((Math.PI * distance) / reach));
}
