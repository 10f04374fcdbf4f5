/** Vectors of a row as it keeps them: 32-bit floats, little endian, one vector after the other. */
export function toBytes(vectors: readonly Float32Array[]): Buffer {
  const { length = 0 } = vectors[0] ?? [];
  const bytes = Buffer.allocUnsafe(vectors.length * length * 4);
  vectors.forEach((vector, v) => {
    for (let i = 0; i < length; i++) bytes.writeFloatLE(vector[i] ?? 0, (v * length + i) * 4);
  });
  return bytes;
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** All floats of a row. */
export function floatsOf(bytes: Buffer): Float32Array {
  const length = bytes.length / 4;
  if (IS_LITTLE_ENDIAN && bytes.byteOffset % 4 === 0)
    return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  const floats = new Float32Array(length);
  for (let i = 0; i < length; i++) floats[i] = bytes.readFloatLE(i * 4);
  return floats;
}

export function vectorsOf(bytes: Buffer, dimensions: number): Float32Array[] {
  const floats = floatsOf(bytes);
  return Array.from({ length: floats.length / dimensions }, (_, i) =>
    floats.slice(i * dimensions, (i + 1) * dimensions),
  );
}
