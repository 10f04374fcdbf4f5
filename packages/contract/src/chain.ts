import { PlatformError } from "./errors.ts";

/** Where a call or a message comes from, in headers that every SDK hands on to what it publishes. */
export interface Origin {
  readonly requestId?: string | undefined;
  /** W3C Trace Context. */
  readonly traceparent?: string | undefined;
  /** W3C Trace Context; how long the chain is stands in a member of ours. */
  readonly tracestate?: string | undefined;
}

/** Functions that may call one another by messages, one after the other: more of them are a loop. */
export const MAX_CHAIN = 32;
const KEY = "hanzo-fn";
/** Members that a list may have. */
const MAX_MEMBERS = 32;

function members(tracestate: string | undefined): string[] {
  return (tracestate ?? "")
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

const isOurs = (member: string): boolean => member.startsWith(`${KEY}=`);

/** How many messages led to what carries this; 0 where it is not told. */
export function chainLength(tracestate: string | undefined): number {
  const told = Number(
    members(tracestate)
      .find(isOurs)
      ?.slice(KEY.length + 1),
  );
  return Number.isInteger(told) && told > 0 ? told : 0;
}

/** The same list with this length in it; members of others stay. */
export function withChainLength(tracestate: string | undefined, length: number): string {
  const others = members(tracestate).filter((member) => !isOurs(member));
  return [`${KEY}=${length}`, ...others.slice(0, MAX_MEMBERS - 1)].join(",");
}

/** The headers of a message that is published by whoever has this origin. Throws `loop_detected`. */
export function originHeaders({ requestId, traceparent, tracestate }: Origin): Record<string, string> {
  const length = chainLength(tracestate) + 1;
  if (length > MAX_CHAIN) {
    throw new PlatformError(
      "loop_detected",
      `the message is the end of a chain of ${MAX_CHAIN} messages, each published for the one before it`,
      { next: "Look for a function that publishes, perhaps through others, what triggers it." },
    );
  }
  return {
    ...(requestId === undefined ? {} : { "x-request-id": requestId }),
    ...(traceparent === undefined ? {} : { traceparent }),
    tracestate: withChainLength(tracestate, length),
  };
}
