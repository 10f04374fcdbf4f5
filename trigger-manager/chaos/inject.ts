import { setTimeout as sleep } from "node:timers/promises";
import type { CutProxy } from "@hanzo-fn/testkit";
import type { FaultRecord } from "./evidence.ts";
import { hitsOne, type PlannedFault } from "./plan.ts";
import type { Replicas } from "./replicas.ts";
import { GRACE_MS } from "./settings.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Injector {
  readonly surroundings: Surroundings;
  readonly replicas: Replicas;
  /** The slot that is empty but for faults. */
  readonly extraSlot: number;
}

const SLOW_MS = 300;
const LEAVE_MS = GRACE_MS + 15_000;

async function through(proxy: CutProxy | undefined, kind: "cut" | "slow", forMs: number): Promise<void> {
  if (kind === "cut") proxy?.silence();
  else proxy?.slow(SLOW_MS);
  await sleep(forMs);
  proxy?.restore();
}

async function restart(
  server: { stop(): Promise<void>; start(): Promise<void> } | undefined,
  forMs: number,
): Promise<void> {
  await server?.stop();
  await sleep(forMs);
  await server?.start();
}

/** Does it, and undoes it; resolves when all is as it was before. */
async function perform(fault: PlannedFault, injector: Injector): Promise<void> {
  const { surroundings, replicas, extraSlot } = injector;
  const { kind, slot, forMs, jumpMs } = fault;
  const { database, nats, kafka } = surroundings;
  const proxies = surroundings.ways[slot]?.proxies;
  const victim = replicas.at(slot);
  switch (kind) {
    case "kill":
      await victim?.kill();
      await sleep(forMs);
      return void (await replicas.start(slot));
    case "stop":
      victim?.signal("SIGSTOP");
      await sleep(forMs);
      return victim?.signal("SIGCONT");
    case "join-leave": {
      const guest = await replicas.start(extraSlot);
      await sleep(forMs);
      return guest.leave(LEAVE_MS);
    }
    case "clock":
      victim?.tell({ jumpMs });
      await sleep(forMs);
      return victim?.tell({ jumpMs: -jumpMs });
    case "cut-database":
    case "slow-database":
      return through(proxies?.database, kind === "cut-database" ? "cut" : "slow", forMs);
    case "cut-nats":
    case "slow-nats":
      return through(proxies?.nats, kind === "cut-nats" ? "cut" : "slow", forMs);
    case "cut-kafka":
    case "slow-kafka":
      return through(proxies?.kafka, kind === "cut-kafka" ? "cut" : "slow", forMs);
    case "disconnect-database":
      return database.disconnectAll();
    case "crash-database":
      return database.crash();
    case "crash-nats":
      return restart(nats, forMs);
    case "crash-kafka":
      return restart(kafka, forMs);
  }
}

export async function inject(fault: PlannedFault, injector: Injector): Promise<FaultRecord> {
  const { kind, slot } = fault;
  const fromMs = Date.now();
  const by = hitsOne(kind) ? injector.replicas.at(slot)?.by : undefined;
  await perform(fault, injector);
  return { kind, by, fromMs, untilMs: Date.now() };
}
