import type { RequestHeaders } from "./request-headers.js";
/** A CloudEvent 1.0 without its data: the attributes, extensions among them, by their names. */
export interface CloudEvent {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly [attribute: string]: unknown;
}
/** One item of a batch. */
export interface BatchItem {
  readonly id: string;
  readonly data: unknown;
  readonly source: string;
  /** RFC 3339. */
  readonly timestamp: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
  readonly headers: RequestHeaders;
  /** Set where the batch is one of CloudEvents. */
  readonly event: CloudEvent | null;
}
/** What became of one item of a batch; a `kind` of `transient` is tried again. */
export type BatchResult =
  | {
      readonly id: string;
      readonly output?: unknown;
    }
  | {
      readonly id: string;
      readonly error: {
        readonly kind: "transient" | "permanent" | (string & {});
        readonly message: string;
      };
    };
/** An event to answer with; every other member is an extension attribute. */
export interface EventInit {
  readonly type: string;
  /** Default: `/functions/<function>`. */
  readonly source?: string | undefined;
  /** Default: a fresh UUID. */
  readonly id?: string | undefined;
  readonly subject?: string | undefined;
  /** RFC 3339; default: now. */
  readonly time?: string | undefined;
  /** Default: `application/json`, or `application/octet-stream` for bytes. */
  readonly datacontenttype?: string | undefined;
  readonly data?: unknown;
  readonly [extension: string]: unknown;
}
export interface EventOptions {
  /** `binary`: attributes as headers and the data as body. `structured`: one JSON document. */
  readonly mode?: "binary" | "structured" | undefined;
  /** Default: 200. */
  readonly status?: number | undefined;
}
