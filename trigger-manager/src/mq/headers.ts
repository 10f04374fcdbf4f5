/** Fields of a connection, of a body's framing, or of the platform: a message cannot set them. */
const REFUSED = new Set([
  "authorization",
  "connection",
  "content-length",
  "content-encoding",
  "cookie",
  "expect",
  "host",
  "idempotency-key",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-api-key",
  "x-hanzo-key",
]);
const OURS = /^x-(?:function|user|org|mq)-/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** The headers of a message that go to the function, in lower case, and what its envelope says. */
export function headersOf(
  given: Iterable<readonly [name: string, value: string]>,
  envelope: Readonly<Record<string, string>>,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [raw, value] of given) {
    const name = raw.toLowerCase();
    if (REFUSED.has(name) || OURS.test(name) || !NAME.test(name)) continue;
    // oxlint-disable-next-line no-control-regex -- they cannot be in a header
    const line = value.replaceAll(/[\u0000-\u001f\u007f]+/g, " ");
    headers[name] = headers[name] === undefined ? line : `${headers[name]}, ${line}`;
  }
  return Object.assign(headers, envelope);
}
