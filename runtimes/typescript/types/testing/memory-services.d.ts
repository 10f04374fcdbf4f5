import type { Kv } from "../gateway/kv.js";
import type { Services } from "../gateway/services.js";
import type { Storage } from "../gateway/storage.js";
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
/** The services of a context, kept in memory. */
export declare function memoryServices({ kv, storage, published, models }: MemoryServices): Services;
