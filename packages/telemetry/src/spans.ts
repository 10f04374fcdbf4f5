export type AttributeValue = string | number | boolean;

/** One finished span of kind SERVER. */
export interface Span {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** 16 hex digits; empty where the trace begins here. */
  readonly parentId: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Attributes without a value are left out. */
  readonly attributes: Readonly<Record<string, AttributeValue | undefined>>;
  /** Undefined: no error. May be empty where nothing is known of it. */
  readonly error: string | undefined;
}

interface KeyValue {
  readonly key: string;
  readonly value:
    | { readonly stringValue: string }
    | { readonly intValue: string }
    | { readonly doubleValue: number }
    | { readonly boolValue: boolean };
}

const KIND_SERVER = 2;
const STATUS_ERROR = 2;

function valueOf(value: AttributeValue): KeyValue["value"] {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  // 64-bit integers are strings in the JSON form of Protocol Buffers.
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

function attributes(values: Span["attributes"]): KeyValue[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueOf(value) }],
  );
}

/** Milliseconds since the epoch as a decimal string of nanoseconds, which a double cannot hold. */
function nanoseconds(ms: number): string {
  const whole = Math.floor(ms);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1_000_000)));
}

function spanJson(span: Span) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId === "" ? {} : { parentSpanId: span.parentId }),
    name: span.name,
    kind: KIND_SERVER,
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.startMs + span.durationMs),
    attributes: attributes(span.attributes),
    status:
      span.error === undefined
        ? {}
        : { code: STATUS_ERROR, ...(span.error === "" ? {} : { message: span.error }) },
  };
}

/** `ExportTraceServiceRequest` in OTLP's JSON encoding. `resource` are the attributes that all spans share. */
export function exportRequest(resource: Span["attributes"], spans: readonly Span[]) {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributes(resource) },
        scopeSpans: [{ scope: { name: "hanzo-fn" }, spans: spans.map(spanJson) }],
      },
    ],
  };
}
