/** `npm run chaos -- --seed N --minutes M`: see docs/chaos.md. */
import { randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { absentServer } from "@hanzo-fn/testkit";
import { type ChaosOptions, readOptions, USAGE } from "./options.ts";
import { printReport, reportJson } from "./report.ts";
import { run } from "./run.ts";

const GAP_MS = 4000;
const NOT_BEGUN = 2;

function options(): ChaosOptions | undefined {
  try {
    return readOptions(process.argv.slice(2), randomInt(2 ** 32));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return undefined;
  }
}

/** An interrupt ends the servers and replicas, too. */
function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => interrupted.abort(new Error(`ended by ${name}`)));
  return interrupted.signal;
}

async function main({ minutes, report, drainSeconds, ...chosen }: ChaosOptions): Promise<number> {
  const { seed, broker, replicas } = chosen;
  console.log(`chaos: seed ${seed}, ${minutes} min, ${broker} brokers, ${replicas} replicas`);
  const missing = broker === "real" ? (absentServer("nats-server") ?? absentServer("kafka")) : undefined;
  if (missing !== undefined) {
    console.error(missing);
    return NOT_BEGUN;
  }
  const result = await run({
    ...chosen,
    ...{ forMs: minutes * 60_000, gapMs: GAP_MS, drainMs: drainSeconds * 1000, signal: untilInterrupted() },
    say: (line) => console.log(line),
  });
  console.log(printReport(result));
  if (report !== undefined) await writeFile(report, reportJson(seed, result));
  if (result.passed) return 0;
  console.log(`again with: npm run chaos -- ${[...process.argv.slice(2), "--seed", seed].join(" ")}`);
  return 1;
}

const read = options();
process.exitCode = read === undefined ? NOT_BEGUN : await main(read);
