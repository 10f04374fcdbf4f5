import { GatewayError } from "../gateway-error.ts";
import type { Kv } from "../gateway/kv.ts";
import type { ModelHandle } from "../gateway/models.ts";
import type { Services } from "../gateway/services.ts";
import type { Storage } from "../gateway/storage.ts";

/** What a handler published. */
export interface Published {
  readonly subject: string;
  /** As a subscriber gets it: what JSON keeps of it. */
  readonly data: unknown;
  readonly id: string;
}

/** What a test gives in the place of a model: the methods that the handler calls. */
export interface FakeModel {
  readonly path?: string;
  encode?(text: string | readonly string[]): Promise<Float32Array[]> | Float32Array[];
  predict?(text: string | readonly string[]): unknown;
  transcribe?(audio: Uint8Array | Float32Array): Promise<string> | string;
}

export interface MemoryServices {
  readonly kv: Kv;
  readonly storage: Storage;
  readonly published: Published[];
  readonly models: Readonly<Record<string, FakeModel>>;
}

const MAX_MESSAGE_BYTES = 1024 * 1024;

/** The services of a context, kept in memory. */
export function memoryServices({ kv, storage, published, models }: MemoryServices): Services {
  return {
    kv,
    storage,
    publish: async (subject, data, { id = `msg-${published.length + 1}` } = {}) => {
      checkSubject(subject);
      const text = JSON.stringify(data) as string | undefined;
      if (text === undefined) throw new TypeError(`a ${typeof data} cannot be published`);
      if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES)
        throw new GatewayError("payload_too_large", 413, "a message has at most 1 MiB");
      published.push({ subject, data: JSON.parse(text) as unknown, id });
      return id;
    },
    model: (name) => fakeHandle(name, models[name]),
  };
}

/** The subjects that the platform takes: `mq.` and more for MQ, a snake_case name for Stream. */
function checkSubject(subject: string): void {
  const mq = /^mq(?:\.[^\s.*>]+)+$/.test(subject) && !subject.startsWith("mq.dlq.");
  if (!mq && !/^[a-z][a-z0-9_]*$/.test(subject))
    throw new GatewayError("bad_request", 400, `"${subject}" is no subject to publish to`);
}

function fakeHandle(name: string, fake: FakeModel | undefined): ModelHandle {
  const found = (): FakeModel => {
    if (fake === undefined) throw new GatewayError("not_found", 404, `the test has no model "${name}"`);
    return fake;
  };
  const method = <K extends "encode" | "predict" | "transcribe">(key: K): NonNullable<FakeModel[K]> => {
    const given = found()[key];
    if (given === undefined) throw new Error(`the model "${name}" of the test has no ${key}`);
    return given;
  };
  return {
    name,
    get path() {
      return Promise.resolve().then(() => found().path ?? `/models/${name}`);
    },
    encode: async (text) => method("encode")(text),
    predict: (async (text: string | readonly string[]) => method("predict")(text)) as ModelHandle["predict"],
    transcribe: async (audio) => method("transcribe")(audio),
  };
}
