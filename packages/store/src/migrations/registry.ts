import type { Migration } from "kysely/migration";
import { initial } from "./0001-initial.ts";
import { kv } from "./0002-kv.ts";
import { events } from "./0003-events.ts";
import { embeddedMq } from "./0004-embedded-mq.ts";
import { embeddedStream } from "./0005-embedded-stream.ts";
import { vectors } from "./0006-vectors.ts";

/** Forward only; names sort in the order they run. A released migration is never edited. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001-initial": initial,
  "0002-kv": kv,
  "0003-events": events,
  "0004-embedded-mq": embeddedMq,
  "0005-embedded-stream": embeddedStream,
  "0006-vectors": vectors,
};
