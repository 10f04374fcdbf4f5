export interface TestTensor {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** A safetensors file of float32 tensors. */
export function safetensorsBytes(tensors: Readonly<Record<string, TestTensor>>): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape, data_offsets: [at, at + values.length * 4] };
    at += values.length * 4;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + at);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  let offset = 8 + json.length;
  for (const { values } of Object.values(tensors)) {
    for (const value of values) {
      view.setFloat32(offset, value, true);
      offset += 4;
    }
  }
  return bytes;
}

/** Weights by shape, each value a small number that follows from its place. */
export function filled(shapes: Readonly<Record<string, readonly number[]>>): Record<string, TestTensor> {
  let seed = 1;
  const next = (): number => {
    seed = (seed * 48271) % 2147483647;
    return (seed / 2147483647 - 0.5) / 2;
  };
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      return [name, { shape, values: Array.from({ length: count }, next) }];
    }),
  );
}
