import type { Libraries, Session, Tokenizer } from "./library.js";
export type Json = Readonly<Record<string, unknown>>;
/** The files of one model (runtimes/models.md), and the sessions made of them. */
export interface ModelDirectory {
  readonly path: string;
  readonly name: string;
  /** config.json; empty where there is none. */
  readonly config: Json;
  readonly libraries: Libraries;
  /** `model_type`, or words for its absence. */
  readonly kind: string;
  json(...parts: readonly string[]): Promise<Json>;
  session(graph: string): Promise<Session>;
  tokenizer(): Promise<Tokenizer>;
}
export declare function openDirectory(
  path: string,
  name: string,
  libraries: Libraries,
): Promise<ModelDirectory>;
