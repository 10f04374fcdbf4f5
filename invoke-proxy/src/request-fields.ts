/** The header section of a request: three arrays in parallel, as the parser of `http1/head.ts` makes them. */
export interface HeaderList {
  readonly names: readonly string[];
  readonly lower: readonly string[];
  readonly values: readonly string[];
  /** Lower-case names that `Connection` nominates. */
  readonly hopByHop: readonly string[];
}

/** What the proxy itself reads from a request's header, and the lines that go on to the function. */
export interface RequestFields {
  /** Lines, each with its CRLF, of everything that passes through in every case. */
  forward: string;
  /** Lines of the credentials; they pass through only where the platform does not verify them. */
  credentials: string;
  /** Lines of the trigger headers that an identity of kind `platform` may set. */
  trigger: string;
  triggerType: string | undefined;
  authorization: string | undefined;
  apiKey: string | undefined;
  orgId: string | undefined;
  requestId: string | undefined;
  revision: string | undefined;
  /** Of a call that is to be kept. */
  callback: string | undefined;
  expiresIn: string | undefined;
  traceparent: string | undefined;
  origin: string | undefined;
  preflightMethod: string | undefined;
  forwardedFor: string | undefined;
  forwardedProto: string | undefined;
  forwardedHost: string | undefined;
}

const KIND = {
  drop: 1,
  authorization: 2,
  apiKey: 3,
  orgId: 4,
  requestId: 5,
  revision: 6,
  traceparent: 7,
  origin: 8,
  preflightMethod: 9,
  forwardedFor: 10,
  forwardedProto: 11,
  forwardedHost: 12,
  trigger: 13,
  pass: 14,
  callback: 15,
  expiresIn: 16,
} as const;

/**
 * Framing and connection fields are written anew for the next hop (RFC 9110, 7.6.1). By the others Knative's programs
 * between proxy and instance choose a revision, or take a request for a probe of their own.
 */
const DROPPED = `connection content-length expect host keep-alive proxy-authenticate proxy-authorization
proxy-connection te trailer transfer-encoding upgrade
knative-serving-namespace knative-serving-revision k-kubelet-probe k-network-hash k-network-probe k-original-host
k-proxy-request`.split(/\s+/);
const PASSED =
  `accept accept-encoding accept-language cache-control content-type cookie range referer user-agent
content-encoding if-match if-none-match tracestate`.split(/\s+/);

const KINDS: ReadonlyMap<string, number> = new Map<string, number>([
  ...DROPPED.map((name): [string, number] => [name, KIND.drop]),
  ...PASSED.map((name): [string, number] => [name, KIND.pass]),
  ["authorization", KIND.authorization],
  ["x-api-key", KIND.apiKey],
  ["x-hanzo-key", KIND.apiKey],
  ["x-org-id", KIND.orgId],
  ["x-request-id", KIND.requestId],
  ["x-function-revision", KIND.revision],
  ["x-function-callback", KIND.callback],
  ["x-function-expires-in", KIND.expiresIn],
  ["traceparent", KIND.traceparent],
  ["origin", KIND.origin],
  ["access-control-request-method", KIND.preflightMethod],
  ["x-forwarded-for", KIND.forwardedFor],
  ["x-forwarded-proto", KIND.forwardedProto],
  ["x-forwarded-host", KIND.forwardedHost],
  ["x-function-trigger", KIND.trigger],
  ["x-function-trigger-source", KIND.trigger],
  ["x-function-trigger-id", KIND.trigger],
  ["x-function-trigger-timestamp", KIND.trigger],
  ["x-function-attempt", KIND.trigger],
]);

/** Names that only the platform may set; `_` counts as `-`, since some servers cannot tell them apart. */
function isReserved(lower: string): boolean {
  if (lower.charCodeAt(0) !== 0x78) return false;
  const name = lower.includes("_") ? lower.replaceAll("_", "-") : lower;
  return (
    name.startsWith("x-function-") ||
    name.startsWith("x-user-") ||
    name === "x-org-id" ||
    (name !== lower && KINDS.has(name))
  );
}

export function newRequestFields(): RequestFields {
  return {
    forward: "",
    credentials: "",
    trigger: "",
    triggerType: undefined,
    authorization: undefined,
    apiKey: undefined,
    orgId: undefined,
    requestId: undefined,
    revision: undefined,
    callback: undefined,
    expiresIn: undefined,
    traceparent: undefined,
    origin: undefined,
    preflightMethod: undefined,
    forwardedFor: undefined,
    forwardedProto: undefined,
    forwardedHost: undefined,
  };
}

function readSpecial(fields: RequestFields, kind: number, line: string, lower: string, value: string): void {
  switch (kind) {
    case KIND.authorization:
      fields.authorization ??= value;
      fields.credentials += line;
      break;
    case KIND.apiKey:
      fields.apiKey ??= value;
      fields.credentials += line;
      break;
    case KIND.orgId:
      fields.orgId ??= value;
      break;
    case KIND.requestId:
      fields.requestId ??= value;
      break;
    case KIND.revision:
      fields.revision ??= value;
      break;
    case KIND.callback:
      fields.callback ??= value;
      break;
    case KIND.expiresIn:
      fields.expiresIn ??= value;
      break;
    case KIND.traceparent:
      fields.traceparent ??= value;
      break;
    case KIND.origin:
      fields.origin ??= value;
      fields.forward += line;
      break;
    case KIND.preflightMethod:
      fields.preflightMethod ??= value;
      fields.forward += line;
      break;
    case KIND.forwardedFor:
      fields.forwardedFor = fields.forwardedFor === undefined ? value : `${fields.forwardedFor}, ${value}`;
      break;
    case KIND.forwardedProto:
      fields.forwardedProto ??= value;
      break;
    case KIND.forwardedHost:
      fields.forwardedHost ??= value;
      break;
    default:
      if (lower === "x-function-trigger") fields.triggerType ??= value;
      fields.trigger += line;
  }
}

/** One pass over the header of a request. */
export function readRequestFields(head: HeaderList): RequestFields {
  const fields = newRequestFields();
  const { names, lower, values, hopByHop } = head;
  let forward = "";
  for (let i = 0; i < names.length; i++) {
    const name = lower[i] as string;
    const kind = KINDS.get(name);
    if (kind === KIND.drop) continue;
    if (kind === undefined && isReserved(name)) continue;
    const line = `${names[i]}: ${values[i]}\r\n`;
    if (kind === undefined || kind === KIND.pass) {
      if (hopByHop.length === 0 || !hopByHop.includes(name)) forward += line;
    } else {
      readSpecial(fields, kind, line, name, values[i] as string);
    }
  }
  fields.forward += forward;
  return fields;
}
