import type { Ids } from "./ids.ts";

/** W3C Trace Context of one call: the caller's trace, or a new one; the span is always ours. */
export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  /** The caller's span; empty where the trace begins here. */
  readonly parentId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Continues a valid `traceparent` with its own sampling decision; begins a trace for any other. */
export function traceContext(ids: Ids, traceparent: string | undefined, sampling: number): TraceContext {
  const parts = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  // Version 00 ends after the flags; later versions may go on (W3C Trace Context, 4.3).
  if (parts && (parts[4] === undefined || !traceparent?.startsWith("00-"))) {
    const flags = Number.parseInt(parts[3] as string, 16);
    return {
      traceId: parts[1] as string,
      spanId: ids.spanId(),
      parentId: parts[2] as string,
      sampled: (flags & 1) === 1,
    };
  }
  const sampled = sampling > 0 && ids.random() < sampling;
  return { traceId: ids.traceId(), spanId: ids.spanId(), parentId: "", sampled };
}

export function formatTraceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? "01" : "00"}`;
}
