/**
 * Seeded fuzzing against Node's parser. FUZZ_SECONDS (default 30) bounds the time of the whole file, FUZZ_SEED
 * repeats a run.
 */
import { seededBelow } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import type { Case } from "./corpus/cases.ts";
import { INVALID_REQUESTS, INVALID_RESPONSES, VALID_REQUESTS, VALID_RESPONSES } from "./corpus.ts";
import { type Comparison, compareRequest, compareResponse } from "./differential.ts";
import { mutate } from "./fuzz.ts";
import { pieces, singleBytes } from "./messages.ts";

const SECONDS = Number(process.env["FUZZ_SECONDS"] ?? "30");
const SEED = Number(process.env["FUZZ_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Longer messages say nothing new and cost much time. */
const MAX_BYTES = 2000;

type Compare<T> = (buffer: Buffer, ends: readonly number[], one: T) => Comparison;

interface Tally {
  inputs: number;
  accepted: number;
}

function literal(one: Case, bytes: string, ends: readonly number[]): string {
  return `seed ${SEED}, from <${one.name}>: ${JSON.stringify({ ...one, bytes })} cut at ${JSON.stringify(ends)}`;
}

function fail(message: string): never {
  throw new Error(message);
}

function verdict({ ours }: Comparison): string {
  return ours.kind === "message" ? JSON.stringify(ours) : ours.kind;
}

function fuzz<T extends Case>(cases: readonly T[], seed: number, until: number, compare: Compare<T>): Tally {
  const random = seededBelow(seed);
  const short = cases.filter((one) => one.bytes.length <= MAX_BYTES);
  const tally: Tally = { inputs: 0, accepted: 0 };
  while (Date.now() < until) {
    const one = short[random(short.length)]!;
    const bytes = mutate(one, short[random(short.length)]!, random);
    const buffer = Buffer.from(bytes, "latin1");
    if (buffer.length === 0) continue;
    const cuts = pieces(
      buffer.length,
      ...[random(buffer.length), random(buffer.length)].sort((a, b) => a - b),
    );
    const whole = compare(buffer, [buffer.length], one);
    const cut = compare(buffer, cuts, one);
    tally.inputs += 1;
    if (whole.difference !== undefined) fail(`${literal(one, bytes, [])}\n${whole.difference}`);
    if (cut.difference !== undefined) fail(`${literal(one, bytes, cuts)}\n${cut.difference}`);
    // How the bytes arrive makes no difference.
    const single = random(8) === 0 ? compare(buffer, singleBytes(buffer.length), one) : cut;
    for (const other of [cut, single]) {
      if (verdict(other) !== verdict(whole)) {
        fail(`${literal(one, bytes, cuts)}\nwhole: ${verdict(whole)}\ncut: ${verdict(other)}`);
      }
    }
    if (whole.ours.kind === "message") tally.accepted += 1;
  }
  return tally;
}

function report(side: string, tally: Tally): Tally {
  process.stdout.write(
    `fuzz ${side}: seed ${SEED}, ${tally.inputs} inputs, ${tally.accepted} accepted by both parsers alike\n`,
  );
  return tally;
}

it("whatever mutated request ours accepts, Node reads the same", { timeout: SECONDS * 1000 + 30_000 }, () => {
  const until = Date.now() + SECONDS * 500;
  const tally = report(
    "requests",
    fuzz([...VALID_REQUESTS, ...INVALID_REQUESTS], SEED, until, compareRequest),
  );
  expect(tally.accepted).toBeGreaterThan(0);
});

it(
  "whatever mutated response ours accepts, Node reads the same",
  { timeout: SECONDS * 1000 + 30_000 },
  () => {
    const until = Date.now() + SECONDS * 500;
    const tally = report(
      "responses",
      fuzz([...VALID_RESPONSES, ...INVALID_RESPONSES], SEED, until, compareResponse),
    );
    expect(tally.accepted).toBeGreaterThan(0);
  },
);
