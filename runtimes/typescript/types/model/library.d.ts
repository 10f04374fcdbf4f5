/** A tensor of onnxruntime, as much of it as is used here. */
export interface Tensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, Tensor>>, outputs: readonly string[]): Promise<Record<string, Tensor>>;
}
/** The npm package `onnxruntime-node`. */
export interface Onnx {
  readonly InferenceSession: {
    create(path: string, options: Readonly<Record<string, unknown>>): Promise<Session>;
  };
  readonly Tensor: new (
    type: "float32" | "int64",
    data: Float32Array | BigInt64Array,
    dims: readonly number[],
  ) => Tensor;
}
export interface Tokenizer {
  encode(text: string): {
    readonly ids: number[];
  };
  decode(
    ids: readonly number[],
    options: {
      readonly skip_special_tokens: boolean;
    },
  ): string;
}
/** The npm package `@huggingface/tokenizers`. */
interface Tokenizers {
  readonly Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
}
/** The libraries that models need, found as the function's own code finds them. */
export interface Libraries {
  onnx(): Onnx;
  tokenizers(): Tokenizers;
}
/** @param source the function's directory */
export declare function librariesOf(source: string): Libraries;
export {};
