import type { Identity } from "@hanzo-fn/contract";
import type { Admission } from "./admit.ts";
import type { RequestFields } from "./request-fields.ts";

/** The connection that a request came over. */
export interface ClientInfo {
  readonly address: string;
  /** `host` lines need a value even where an HTTP/1.0 client sent none. */
  readonly host: string | undefined;
}

/** What the head of the request to a function is made of. */
export interface RequestFacts extends Admission {
  readonly method: string;
  /** Origin form. */
  readonly target: string;
  readonly path: string;
  readonly fields: RequestFields;
  readonly client: ClientInfo;
  readonly requestId: string;
  readonly traceparent: string;
  readonly trustForwarded: boolean;
  /** 0: no body; -1: chunked. */
  readonly bodyLength: number;
  readonly upgrade: string | undefined;
  /** Lines for whoever passes the request on to the instance; before the caller's own, so that none of those counts. */
  readonly targetLines: string;
}

function framingLines(facts: RequestFacts): string {
  if (facts.upgrade !== undefined) return `Connection: Upgrade\r\nUpgrade: ${facts.upgrade}\r\n`;
  if (facts.bodyLength > 0) return `Content-Length: ${facts.bodyLength}\r\n`;
  if (facts.bodyLength < 0) return "Transfer-Encoding: chunked\r\n";
  // A POST without a length would be one without a body to some servers and a mistake to others (RFC 9110, 8.6).
  return facts.method === "GET" || facts.method === "HEAD" ? "" : "Content-Length: 0\r\n";
}

function forwardedLines(facts: RequestFacts): string {
  const { fields, client, trustForwarded } = facts;
  if (!trustForwarded) {
    return `X-Forwarded-For: ${client.address}\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ${client.host ?? ""}\r\n`;
  }
  const addresses =
    fields.forwardedFor === undefined ? client.address : `${fields.forwardedFor}, ${client.address}`;
  const proto = fields.forwardedProto ?? "http";
  const host = fields.forwardedHost ?? client.host ?? "";
  return `X-Forwarded-For: ${addresses}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${host}\r\n`;
}

function identityLines(identity: Identity | undefined): string {
  if (identity === undefined || identity.kind === "anonymous") return "";
  const subject = identity.kind === "platform" ? identity.onBehalfOf : identity.subject;
  const user = subject === undefined ? "" : `X-User-Id: ${headerSafe(subject)}\r\n`;
  return `${user}X-Org-Id: ${identity.org}\r\n`;
}

/** A subject comes from a token: it may hold anything, and in a header only visible ASCII may stand. */
function headerSafe(text: string): string {
  return /^[\x21-\x7e]*$/.test(text) ? text : encodeURIComponent(text);
}

function triggerLines(facts: RequestFacts): string {
  const { fields, identity, route, path } = facts;
  if (identity?.kind === "platform" && fields.triggerType !== undefined) return fields.trigger;
  const id = route === undefined ? "" : `X-Function-Trigger-Id: ${route.route.triggerId}\r\n`;
  return `X-Function-Trigger: http\r\nX-Function-Trigger-Source: ${path}\r\n${id}`;
}

/** The head of the request that the function gets, the empty line included. */
export function requestHeadText(facts: RequestFacts): string {
  const { fields } = facts;
  const timeoutMs = facts.revision?.revision.timeoutMs ?? 0;
  return (
    `${facts.method} ${facts.target} HTTP/1.1\r\nHost: ${facts.client.host ?? "localhost"}\r\n` +
    facts.targetLines +
    fields.forward +
    (facts.verified ? "" : fields.credentials) +
    `X-Request-ID: ${facts.requestId}\r\nX-Function-Deadline-Ms: ${timeoutMs}\r\ntraceparent: ${facts.traceparent}\r\n` +
    triggerLines(facts) +
    identityLines(facts.identity) +
    forwardedLines(facts) +
    framingLines(facts) +
    "\r\n"
  );
}
