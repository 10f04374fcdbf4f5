import type { RecordsBatch } from "@platformatic/kafka";
import type { StreamRecord } from "../record.ts";
import type { Fetched } from "../tenure.ts";

const CONTROL = 1 << 5;

/** Batches of a fetch as records; control records are holes, and a batch may begin before what was asked for. */
export function recordsOf(batches: readonly RecordsBatch[], asked: number): Fetched {
  const records: StreamRecord[] = [];
  let end = asked;
  for (const batch of batches) {
    const first = Number(batch.firstOffset);
    end = Math.max(end, first + batch.lastOffsetDelta + 1);
    if ((batch.attributes & CONTROL) !== 0) continue;
    const timestamp = Number(batch.firstTimestamp);
    for (const { key, value, headers, offsetDelta, timestampDelta } of batch.records) {
      const offset = first + offsetDelta;
      if (offset < asked) continue;
      records.push({
        offset,
        key: key ?? undefined,
        value: value ?? undefined,
        headers: headersOf(headers),
        timestampMs: timestamp + Number(timestampDelta),
      });
    }
  }
  return { asked, from: asked, records, end };
}

const NONE = {};

function headersOf(headers: RecordsBatch["records"][number]["headers"]): Readonly<Record<string, string>> {
  if (headers.length === 0) return NONE;
  return Object.fromEntries(headers.map(([name, value]) => [String(name), value?.toString() ?? ""]));
}
