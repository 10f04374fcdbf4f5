import { randomFillSync } from "node:crypto";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PAIRS: readonly string[] = Array.from(
  { length: 1024 },
  (_, i) => `${CROCKFORD[i >> 5]}${CROCKFORD[i & 31]}`,
);
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** A client's request id is kept where it cannot break a header, a log line or a shell. */
export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** Ids and random numbers from a pool, so that a call costs no system call. */
export interface Ids {
  /** `req_` and a ULID (github.com/ulid/spec). */
  requestId(nowMs: number): string;
  /** 32 hex digits. */
  traceId(): string;
  /** 16 hex digits. */
  spanId(): string;
  /** In [0, 1). */
  random(): number;
}

const POOL_BYTES = 8192;

export function createIds(): Ids {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  let timeMs = -1;
  let timeText = "";
  const take = (bytes: number): number => {
    if (used + bytes > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const at = used;
    used += bytes;
    return at;
  };
  const time = (nowMs: number): string => {
    if (nowMs === timeMs) return timeText;
    timeMs = nowMs;
    let rest = nowMs;
    timeText = "";
    for (let i = 0; i < 10; i++) {
      timeText = CROCKFORD[rest % 32] + timeText;
      rest = Math.floor(rest / 32);
    }
    return timeText;
  };
  const hex = (bytes: number): string => {
    const at = take(bytes);
    return pool.toString("hex", at, at + bytes);
  };
  return {
    requestId(nowMs) {
      const at = take(16);
      let text = `req_${time(nowMs)}`;
      for (let i = at; i < at + 16; i += 2) text += PAIRS[((pool[i]! & 3) << 8) | pool[i + 1]!];
      return text;
    },
    traceId: () => hex(16),
    spanId: () => hex(8),
    random: () => pool.readUInt32LE(take(4)) / 2 ** 32,
  };
}
