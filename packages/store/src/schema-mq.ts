import type { ColumnType, Generated } from "kysely";

interface MqStreamsTable {
  id: Generated<number>;
  name: string;
  subjects: string[];
  retention: "workqueue" | "limits";
  maxAgeMs: number;
  maxMessages: number;
  maxBytes: number;
  maxMessageBytes: number;
  duplicateWindowMs: number;
  /** Of the newest message. */
  lastSeq: ColumnType<number, never, never>;
  isFull: Generated<boolean>;
  createdAt: Generated<Date>;
}

interface MqConsumersTable {
  id: Generated<number>;
  streamId: number;
  name: string;
  description: string;
  subject: string;
  /** Of a subject with wildcards. */
  pattern: string | null;
  maxAckPending: number;
  /** Everything at or before it was delivered, or is not for this consumer. */
  position: number;
  createdAt: Generated<Date>;
}

interface MqBindingsTable {
  org: string;
  function: string;
  /** What makes its trigger the same one across deploys. */
  key: string;
  stream: string;
  name: string;
  subject: string;
  /** We made the consumer; an adopted one stays when the trigger goes. */
  created: boolean;
  adoptedAttempts: number | null;
  position: number;
  streamCreated: string;
  incarnation: number;
  boundAt: Generated<Date>;
}

/** Tables that are read and written by statements of their own (`queries/mq.ts`) have no type here. */
export interface MqTables {
  mqStreams: MqStreamsTable;
  mqConsumers: MqConsumersTable;
  mqBindings: MqBindingsTable;
}
