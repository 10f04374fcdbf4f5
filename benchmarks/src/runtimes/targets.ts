import { atLeast, atMost, type Row, type Target } from "../suite.ts";
import type { Language } from "./functions.ts";

const HELLO: readonly (readonly [Language, peer: string, want: number])[] = [
  ["typescript", "node:http", 0.8],
  ["typescript", "functions-framework (Node)", 4],
  ["python", "functions-framework (Python), gunicorn", 4],
  ["go", "net/http", 0.8],
  ["rust", "hyper", 0.8],
];
const OVERHEAD_US = { typescript: 50, python: 150, go: 50, rust: 50 } as const;
const DEPLOY_MS = { typescript: 1000, python: 1000, go: 3000, rust: 8000 } as const;
const COLD_MS = 30;
const PSS_MB = { typescript: 60, python: 30, go: 15, rust: 8 } as const;

/**
 * What the rows say of the numbers to reach; a row that is not there has no target.
 *
 * A server that has a core for itself answers as many requests as its CPU time allows. That ratio is judged, since the
 * requests of a busy machine also depend on when others let the server run, and those of a quick one on the client.
 */
export function judge(rows: readonly Row[]): Target[] {
  const of = (column: string): readonly (readonly [Language, number, Row])[] =>
    rows
      .filter((row) => row[column] !== undefined)
      .map((row) => [row["language"] as Language, Number(row[column]), row]);
  const hello = HELLO.flatMap(([language, peer, want]) => {
    const row = rows.find((each) => each["server"] === peer && each["language"] === language);
    if (row === undefined) return [];
    const got = Number(row["ours_to_it_requests_per_cpu"]);
    return [atLeast(`${language}, hello to ${peer}, requests per second of CPU`, want, got)];
  });
  return [
    ...hello,
    ...of("overhead_us").map(([language, got]) =>
      atMost(`${language}, overhead of the SDK, us of CPU (median)`, OVERHEAD_US[language], got),
    ),
    ...of("build_p50_ms").map(([language, , row]) =>
      atMost(`${language}, deploy to first 200, ms (p50)`, DEPLOY_MS[language], Number(row["p50_ms"])),
    ),
    ...of("from_zero_p50_ms").map(([language, got, row]) =>
      atMost(`${language}, cold start, ${row["start"]}, ms (p50)`, COLD_MS, got),
    ),
    ...of("pss_alone_mb").map(([language, got]) =>
      atMost(`${language}, PSS of an idle instance alone, MB`, PSS_MB[language], got),
    ),
    ...of("pss_in_serve_mb").map(([language, got]) =>
      atMost(`${language}, PSS of an idle instance below serve, MB`, PSS_MB[language], got),
    ),
  ];
}
