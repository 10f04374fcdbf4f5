import type { TensorInfo } from "../safetensors.ts";
import { Message } from "./protobuf.ts";

/** The name of a tensor in the graph. */
export type Value = string;

type Attribute = number | string | readonly number[] | { readonly float: number };
type ElementType = "float" | "int64";

/** Element types by their number in onnx.proto (TensorProto.DataType). */
const ELEMENT = { float: 1, int64: 7, float16: 10, bfloat16: 16 } as const;
const STORED: Readonly<Record<string, number>> = {
  F32: ELEMENT.float,
  F16: ELEMENT.float16,
  BF16: ELEMENT.bfloat16,
  I64: ELEMENT.int64,
};
const OPSET = 17;
const IR_VERSION = 8;

/** A number is a fixed size, a string names one that differs from call to call. */
type Dims = ReadonlyArray<number | string>;

/**
 * Writes an ONNX graph node by node. Weights stay in the file they are in: an initialiser only says where
 * (`external_data` of onnx.proto), so that a graph is a few hundred kilobytes whatever its model weighs.
 */
export class Graph {
  readonly #name: string;
  readonly #nodes = new Message();
  readonly #initialisers = new Message();
  readonly #inputs = new Message();
  readonly #outputs = new Message();
  readonly #weights = new Map<string, Value>();
  #next = 0;

  constructor(name: string) {
    this.#name = name;
  }

  #fresh(stem: string): Value {
    this.#next += 1;
    return `${stem}_${this.#next}`;
  }

  input(name: string, type: ElementType, dims: Dims): Value {
    this.#inputs.message(11, valueInfo(name, type, dims));
    return name;
  }

  output(value: Value, name: string, dims: Dims): void {
    this.#node("Identity", [value], name, {});
    this.#outputs.message(12, valueInfo(name, "float", dims));
  }

  /** A weight as floats; half precision is widened when the session loads. */
  weight(name: string, info: TensorInfo, file: string): Value {
    const known = this.#weights.get(name);
    if (known !== undefined) return known;
    const element = STORED[info.dtype];
    if (element === undefined)
      throw new RangeError(`the weight ${name} is ${info.dtype}, which is not served`);
    const place = { location: file, offset: String(info.offset), length: String(info.length) };
    const tensor = dimensions(new Message(), info.shape).int(2, element).text(8, name);
    for (const [key, value] of Object.entries(place)) {
      tensor.message(13, new Message().text(1, key).text(2, value));
    }
    this.#initialisers.message(5, tensor.int(14, 1));
    const value = element === ELEMENT.float ? name : this.op("Cast", [name], { to: ELEMENT.float });
    this.#weights.set(name, value);
    return value;
  }

  floats(values: Float32Array, shape: readonly number[]): Value {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return this.#constant(ELEMENT.float, bytes, shape);
  }

  scalar(value: number): Value {
    return this.floats(Float32Array.of(value), []);
  }

  ints(...values: readonly number[]): Value {
    const array = BigInt64Array.from(values.map((value) => BigInt(value)));
    return this.#constant(ELEMENT.int64, new Uint8Array(array.buffer), [values.length]);
  }

  int(value: number): Value {
    return this.#constant(ELEMENT.int64, new Uint8Array(BigInt64Array.of(BigInt(value)).buffer), []);
  }

  #constant(element: number, bytes: Uint8Array, shape: readonly number[]): Value {
    const name = this.#fresh("constant");
    this.#initialisers.message(
      5,
      dimensions(new Message(), shape).int(2, element).text(8, name).bytes(9, bytes),
    );
    return name;
  }

  op(type: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    const output = this.#fresh(type.toLowerCase());
    this.#node(type, inputs, output, attributes);
    return output;
  }

  #node(
    type: string,
    inputs: readonly Value[],
    output: Value,
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    node.text(2, output).text(3, `${output}_node`).text(4, type);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    this.#nodes.message(1, node);
  }

  /** The bytes of a `ModelProto`. */
  finish(): Uint8Array {
    const parts = [this.#nodes, this.#initialisers, this.#inputs, this.#outputs].map((part) => part.finish());
    const [nodes, initialisers, inputs, outputs] = parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const name = new Message().text(2, this.#name).finish();
    // Each part holds whole fields of GraphProto already: joined they are one.
    const graph = Buffer.concat([nodes, name, initialisers, inputs, outputs]);
    return new Message()
      .int(1, IR_VERSION)
      .text(2, "hanzo-fn")
      .bytes(7, graph)
      .message(8, new Message().text(1, "").int(2, OPSET))
      .finish();
  }
}

function dimensions(message: Message, shape: readonly number[]): Message {
  for (const size of shape) message.int(1, size);
  return message;
}

function valueInfo(name: string, type: ElementType, dims: Dims): Message {
  const shape = new Message();
  for (const dim of dims) {
    shape.message(1, typeof dim === "number" ? new Message().int(1, dim) : new Message().text(2, dim));
  }
  const tensor = new Message().int(1, ELEMENT[type]).message(2, shape);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

/** AttributeProto: the type's number follows from the value. */
function attribute(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === "number") return message.int(3, value).int(20, 2);
  if (typeof value === "string") return message.text(4, value).int(20, 3);
  if ("float" in value) return message.float(2, value.float).int(20, 1);
  for (const item of value) message.int(8, item);
  return message.int(20, 7);
}
