import type { TestTensor } from "./safetensors.ts";

export type Tensors = Readonly<Record<string, TestTensor>>;

/** Weights of the given shape, each made from its row and column. */
export function matrix(
  rows: number,
  columns: number,
  value: (row: number, column: number) => number,
): TestTensor {
  const values = Array.from({ length: rows * columns }, (_, at) =>
    value(Math.floor(at / columns), at % columns),
  );
  return { shape: [rows, columns], values };
}

export function vector(length: number, value: number | ((at: number) => number)): TestTensor {
  const make = typeof value === "number" ? () => value : value;
  return { shape: [length], values: Array.from({ length }, (_, at) => make(at)) };
}

export const identity = (size: number, scale = 1): TestTensor =>
  matrix(size, size, (row, column) => (row === column ? scale : 0));

export const zeros = (rows: number, columns: number): TestTensor => matrix(rows, columns, () => 0);

/** A linear layer that gives nothing. */
export function silent(prefix: string, outputs: number, inputs: number): Tensors {
  return { [`${prefix}.weight`]: zeros(outputs, inputs), [`${prefix}.bias`]: vector(outputs, 0) };
}

/** A linear layer that multiplies by one number. */
export function scaled(prefix: string, size: number, scale = 1): Tensors {
  return { [`${prefix}.weight`]: identity(size, scale), [`${prefix}.bias`]: vector(size, 0) };
}

export function plainNorm(prefix: string, size: number): Tensors {
  return { [`${prefix}.weight`]: vector(size, 1), [`${prefix}.bias`]: vector(size, 0) };
}
