import type { SourceEvent } from "../../delivery/source.ts";
import type { Delivered } from "./message.ts";

interface Lease {
  readonly reply: string;
  readonly sequence: number;
  /** Monotonic milliseconds: until then nobody else has it. */
  untilMs: number;
  /** It was said once that it is parked: saying so again changes nothing for anybody. */
  isTermed: boolean;
}

/** What we hold of the server, by the event that the loop has of it. */
export interface Leases {
  add(event: SourceEvent, delivered: Delivered): void;
  get(event: SourceEvent): Lease | undefined;
}

export function createLeases(): Leases {
  const leases = new WeakMap<SourceEvent, Lease>();
  return {
    add(event, { reply, sequence, untilMs }) {
      leases.set(event, { reply, sequence, untilMs, isTermed: false });
    },
    get: (event) => leases.get(event),
  };
}
