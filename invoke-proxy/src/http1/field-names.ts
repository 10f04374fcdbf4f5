import { LOWER } from "./chars.ts";

/** What a field means to the parser itself; every other field is only carried. */
export const ROLE = {
  none: 0,
  contentLength: 1,
  transferEncoding: 2,
  connection: 3,
  upgrade: 4,
  host: 5,
  expect: 6,
  proxyConnection: 7,
} as const;

export interface KnownName {
  readonly lower: string;
  /** The usual spelling, for example `Content-Type`. */
  readonly usual: string;
  readonly role: number;
}

const ROLES: Readonly<Record<string, number>> = {
  "content-length": ROLE.contentLength,
  "transfer-encoding": ROLE.transferEncoding,
  connection: ROLE.connection,
  upgrade: ROLE.upgrade,
  host: ROLE.host,
  expect: ROLE.expect,
  "proxy-connection": ROLE.proxyConnection,
};

const COMMON = `accept accept-charset accept-encoding accept-language accept-ranges
access-control-allow-credentials access-control-allow-headers access-control-allow-methods
access-control-allow-origin access-control-expose-headers access-control-max-age
access-control-request-headers access-control-request-method age allow authorization cache-control connection
content-disposition content-encoding content-language content-length content-location content-range
content-security-policy content-type cookie date dnt etag expect expires forwarded from host if-match
if-modified-since if-none-match if-range if-unmodified-since keep-alive last-modified link location
max-forwards origin pragma priority proxy-authenticate proxy-authorization proxy-connection range referer
referrer-policy retry-after sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode
sec-fetch-site sec-fetch-user sec-websocket-accept sec-websocket-extensions sec-websocket-key
sec-websocket-protocol sec-websocket-version server set-cookie strict-transport-security te traceparent
tracestate trailer transfer-encoding upgrade upgrade-insecure-requests user-agent vary via www-authenticate
x-content-type-options x-forwarded-for x-forwarded-host x-forwarded-proto x-frame-options
x-function-attempt x-function-cold-start-ms x-function-deadline-ms x-function-duration-ms x-function-error
x-function-instance x-function-name x-function-revision x-function-trigger x-function-trigger-id
x-function-trigger-source x-function-trigger-timestamp x-powered-by x-real-ip x-request-id x-requested-with`;

const SLOTS = 1024;

function slotOf(length: number, first: number, middle: number, last: number): number {
  return (length * 37 + first * 5 + middle * 131 + last * 17) & (SLOTS - 1);
}

function spell(lower: string): KnownName {
  const usual = lower.replaceAll(/(^|-)([a-z])/g, (part) => part.toUpperCase());
  return { lower, usual, role: ROLES[lower] ?? ROLE.none };
}

function build(): readonly (KnownName | undefined)[] {
  const slots: (KnownName | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  for (const lower of COMMON.split(/\s+/)) {
    const length = lower.length;
    let slot = slotOf(
      length,
      lower.charCodeAt(0),
      lower.charCodeAt(length >> 1),
      lower.charCodeAt(length - 1),
    );
    while (slots[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1);
    slots[slot] = spell(lower);
  }
  return slots;
}

const TABLE = build();

function matches(buffer: Uint8Array, start: number, lower: string): boolean {
  for (let index = 0; index < lower.length; index += 1) {
    if (LOWER[buffer[start + index]!] !== lower.charCodeAt(index)) return false;
  }
  return true;
}

/** The known name that stands at `start..end` in any case, so that common names cost no new string. */
export function knownName(buffer: Uint8Array, start: number, end: number): KnownName | undefined {
  const length = end - start;
  let slot = slotOf(
    length,
    LOWER[buffer[start]!]!,
    LOWER[buffer[start + (length >> 1)]!]!,
    LOWER[buffer[end - 1]!]!,
  );
  for (;;) {
    const known = TABLE[slot];
    if (known === undefined) return undefined;
    if (known.lower.length === length && matches(buffer, start, known.lower)) return known;
    slot = (slot + 1) & (SLOTS - 1);
  }
}
