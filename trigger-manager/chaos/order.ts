/** What a replica is told when it starts; JSON. */
export interface ReplicaOrder {
  /** `<slot>.<life>` */
  readonly by: string;
  readonly seed: number;
  readonly database: string;
  /** Absent where the platform's own queues and topics are used. */
  readonly brokers?: { readonly nats: string; readonly kafka: string } | undefined;
  readonly ledger: string;
  readonly blobs: string;
  readonly log: string;
}

/** What it is told later, over its channel. */
export type ReplicaMessage = { readonly jumpMs: number };
