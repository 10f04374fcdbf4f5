import type { Store, VectorChange, VectorNamespaceRow } from "@hanzo-fn/store";
import { floatsOf } from "./floats.ts";

/** The place of a row's vectors among the floats of its namespace. */
interface Place {
  readonly from: number;
  readonly until: number;
}

const CHANGES = 2000;
/** Less room than this is not worth the copying. */
const SLACK = 1024;

/** The vectors of one namespace in memory, as of a version. Rows may change between two looks at it, each as a whole. */
export class CachedVectors {
  readonly places = new Map<string, Place>();
  floats = new Float32Array(0);
  version = 0;
  #used = 0;
  #live = 0;

  get bytes(): number {
    return this.floats.byteLength;
  }

  apply({ id, vector, version }: VectorChange): void {
    const before = this.places.get(id);
    if (before !== undefined) {
      this.places.delete(id);
      this.#live -= before.until - before.from;
    }
    if (vector !== null && vector !== undefined) this.#add(id, floatsOf(vector));
    this.version = version;
  }

  #add(id: string, vector: Float32Array): void {
    if (this.#used + vector.length > this.floats.length) this.#makeRoom(vector.length);
    this.floats.set(vector, this.#used);
    this.places.set(id, { from: this.#used, until: this.#used + vector.length });
    this.#used += vector.length;
    this.#live += vector.length;
  }

  /** Closes the holes of rows that are gone, into twice the room where little is left. */
  #makeRoom(wanted: number): void {
    const needed = this.#live + wanted;
    const floats = new Float32Array(Math.max(needed + SLACK, Math.ceil(needed * 1.5)));
    let used = 0;
    for (const [id, { from, until }] of this.places) {
      floats.set(this.floats.subarray(from, until), used);
      this.places.set(id, { from: used, until: used + until - from });
      used += until - from;
    }
    this.floats = floats;
    this.#used = used;
  }
}

/**
 * Vectors of the namespaces that were asked last, brought up to date by what changed since. Namespaces that alone would
 * take more than `maxBytes` are not kept.
 */
export class VectorCache {
  readonly #store: Pick<Store, "vectors">;
  readonly #maxBytes: number;
  /** The one asked last comes last. */
  readonly #kept = new Map<number, CachedVectors>();
  readonly #reading = new Map<number, Promise<void>>();

  constructor(store: Pick<Store, "vectors">, maxBytes: number) {
    this.#store = store;
    this.#maxBytes = maxBytes;
  }

  /** The namespace's vectors as of its version or a later one; undefined where they do not fit. */
  async of(namespace: VectorNamespaceRow): Promise<CachedVectors | undefined> {
    const { id, version, bytes } = namespace;
    // Of attributes as well, and so never too small.
    if (bytes > this.#maxBytes) {
      this.#kept.delete(id);
      return undefined;
    }
    for (;;) {
      const kept = this.#kept.get(id);
      if (kept !== undefined && kept.version >= version) {
        this.#touch(id, kept);
        return kept;
      }
      await this.#read(id, version);
    }
  }

  #read(id: number, version: number): Promise<void> {
    const under = this.#reading.get(id);
    if (under !== undefined) return under;
    const reading = this.#catchUp(id, version).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  /** Writes of a namespace become visible in the order of their versions, so that all before `version` are there to be read. */
  async #catchUp(id: number, version: number): Promise<void> {
    const kept = this.#kept.get(id) ?? new CachedVectors();
    for (;;) {
      const changes = await this.#store.vectors.changes(id, kept.version, CHANGES);
      for (const change of changes) kept.apply(change);
      if (changes.length < CHANGES) break;
    }
    kept.version = Math.max(kept.version, version);
    this.#touch(id, kept);
  }

  #touch(id: number, kept: CachedVectors): void {
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    let bytes = 0;
    for (const one of this.#kept.values()) bytes += one.bytes;
    for (const [old, one] of this.#kept) {
      if (bytes <= this.#maxBytes || old === id) return;
      this.#kept.delete(old);
      bytes -= one.bytes;
    }
  }
}
