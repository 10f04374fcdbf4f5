import { parseArgs } from "node:util";
import { type BrokerChoice, FAULT_KINDS, type FaultKind } from "./plan.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly broker: BrokerChoice;
  readonly replicas: number;
  readonly faults: readonly FaultKind[];
  readonly perSecond: number;
  /** Where the report goes as JSON; nowhere if not given. */
  readonly report: string | undefined;
  /** Where the ledger and the replicas' logs are left; nowhere if not given. */
  readonly keep: string | undefined;
  /** Seconds that everything accepted may take to come to its end, after the last fault. */
  readonly drainSeconds: number;
}

export const USAGE = `usage: npm run chaos -- [--seed N] [--minutes M] [--broker embedded|real] [--replicas R]
                       [--faults ${FAULT_KINDS.slice(0, 3).join(",")},...|none] [--rate N] [--report FILE]
                       [--keep FOLDER] [--drain SECONDS]

faults: ${FAULT_KINDS.join(", ")}`;

class UsageError extends Error {}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== "" && value >= min && value <= max) return value;
  throw new UsageError(`--${name} is a number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = number(name, text, min, max);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`--${name} is a whole number, not ${text}`);
}

function faultsOf(text: string): readonly FaultKind[] {
  if (text === "all") return FAULT_KINDS;
  if (text === "none") return [];
  return text.split(",").map((name) => {
    const kind = FAULT_KINDS.find((one) => one === name);
    if (kind === undefined) throw new UsageError(`there is no fault ${JSON.stringify(name)}`);
    return kind;
  });
}

/** @param freshSeed where none is given. Throws with what is wrong. */
export function readOptions(args: readonly string[], freshSeed: number): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: "string", default: `${freshSeed}` },
      minutes: { type: "string", default: "1" },
      broker: { type: "string", default: "real" },
      replicas: { type: "string", default: "3" },
      faults: { type: "string", default: "all" },
      rate: { type: "string", default: "20" },
      report: { type: "string" },
      keep: { type: "string" },
      drain: { type: "string", default: "180" },
    },
  });
  const { broker } = values;
  if (broker !== "real" && broker !== "embedded")
    throw new UsageError(`--broker is embedded or real, not ${JSON.stringify(broker)}`);
  return {
    broker,
    seed: whole("seed", values.seed, 0, 2 ** 32 - 1),
    minutes: number("minutes", values.minutes, 0.05, 24 * 60),
    replicas: whole("replicas", values.replicas, 1, 20),
    faults: faultsOf(values.faults),
    perSecond: whole("rate", values.rate, 1, 10_000),
    report: values.report,
    keep: values.keep,
    drainSeconds: whole("drain", values.drain, 1, 3600),
  };
}
