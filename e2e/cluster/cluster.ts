import { mkdir, writeFile } from "node:fs/promises";
import { waitFor } from "@hanzo-fn/testkit";
import { type Artifacts, makeArtifacts } from "./artifacts.ts";
import { removeRun } from "./down.ts";
import { type Layout, layoutOf, runFolder } from "./layout.ts";
import { exists } from "./platform/build.ts";
import { runCommand } from "./platform/command.ts";
import { createDaemons } from "./platform/daemons.ts";
import { findGo, lacks, lookAtMachine } from "./platform/machine.ts";
import { entering } from "./platform/namespaces.ts";
import { daemonsOf, initOf, processesOf } from "./platform/processes.ts";
import { type RunState, lock, openCache, readState, slotOf, takeSlot } from "./run-state.ts";
import { boot } from "./up.ts";

export interface ClusterOptions {
  /** Folder of builds and runs. */
  readonly cache: string;
  /** Of the run: several of one machine have names of their own. */
  readonly name: string;
  readonly log: (line: string) => void;
}

export interface DaemonStatus {
  readonly name: string;
  /** Undefined: it ended. */
  readonly pid: number | undefined;
  /** Bytes. */
  readonly resident: number;
}

export interface ClusterStatus {
  readonly layout: Layout;
  readonly state: RunState;
  readonly daemons: readonly DaemonStatus[];
}

/** Undefined where no run became ready. */
export async function clusterStatus(folder: string, name: string): Promise<ClusterStatus | undefined> {
  const cache = await openCache(folder);
  const run = runFolder(cache, name);
  const slot = await slotOf(run);
  if (slot === undefined) return undefined;
  const layout = layoutOf(cache, name, slot);
  const state = await readState(layout.state);
  if (state === undefined) return undefined;
  const running = daemonsOf(await processesOf(run));
  const daemons = state.daemons.map(({ name }) => {
    const process = running.get(name);
    return { name, pid: process?.pid, resident: process?.resident ?? 0 };
  });
  return { layout, state, daemons };
}

/** The daemons that ended, of a run that was ready; undefined where there is none such. */
export async function endedDaemons(cache: string, name: string): Promise<readonly string[] | undefined> {
  const status = await clusterStatus(cache, name);
  return status?.daemons.filter(({ pid }) => pid === undefined).map(({ name }) => name);
}

/**
 * Gives a cluster that runs: the one that does, else a new one. Of one that is incomplete, because its start was
 * broken off or a daemon ended, nothing is kept. Throws with what this machine lacks.
 */
export async function up(options: ClusterOptions, signal: AbortSignal): Promise<ClusterStatus> {
  const { name, log } = options;
  const cache = await openCache(options.cache);
  await using _ = await lock(cache, name);
  const ended = await endedDaemons(cache, name);
  if (ended === undefined || ended.length > 0) {
    if (ended !== undefined) log(`started anew, because these ended: ${ended.join(", ")}`);
    await start({ ...options, cache }, signal);
  }
  const status = await clusterStatus(cache, name);
  if (status === undefined) throw new Error(`the cluster ${name} is gone again`);
  return status;
}

/** Builds what is not built, and starts nothing. Throws with what this machine lacks for a cluster. */
export async function build(
  options: Pick<ClusterOptions, "cache" | "log">,
  signal: AbortSignal,
): Promise<Artifacts> {
  const cache = await openCache(options.cache);
  const go = await findGo();
  const version = await runCommand(go, ["version"], { signal }).catch(() => "");
  const problems = lacks(await lookAtMachine(cache, version.trim()));
  if (problems.length > 0) throw new Error(`no cluster can run here:\n- ${problems.join("\n- ")}`);
  return makeArtifacts({ cache, go, command: runCommand, log: options.log, signal });
}

async function start({ cache, name, log }: ClusterOptions, signal: AbortSignal): Promise<void> {
  const artifacts = await build({ cache, log }, signal);
  await removeRun(cache, name);
  await mkdir(runFolder(cache, name), { recursive: true });
  const slot = await takeSlot(cache, name);
  const layout = layoutOf(cache, name, slot);
  const started = performance.now();
  const steps: Record<string, number> = {};
  const step = (what: string): void => {
    const ms = performance.now() - started;
    steps[what] = Math.round(ms);
    log(`${(ms / 1000).toFixed(1).padStart(5)} s  ${what}`);
  };
  const daemons = await boot(layout, artifacts, step, signal);
  const folders = { kubernetes: artifacts.kubernetes.folder, knative: artifacts.knative.folder };
  const state: RunState = { slot, daemons, steps, ...folders };
  await writeFile(layout.state, JSON.stringify(state));
}

/** Ends and removes the run; true where there was something of one. */
export async function down({ cache: folder, name }: Omit<ClusterOptions, "log">): Promise<boolean> {
  const cache = await openCache(folder);
  const run = runFolder(cache, name);
  await using _ = await lock(cache, name);
  const found = (await exists(run)) || (await processesOf(run)).length > 0;
  await removeRun(cache, name);
  return found;
}

/** Kills one daemon and waits until it is gone: what depends on it has to bear that. */
export async function stopDaemon({ layout }: ClusterStatus, name: string): Promise<void> {
  const pid = daemonsOf(await processesOf(layout.run)).get(name)?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  process.kill(pid, "SIGKILL");
  await waitFor(`${name} to end`, async () => !daemonsOf(await processesOf(layout.run)).has(name));
}

/** Starts a daemon that was stopped, as it was; it answers some time later. */
export async function startDaemon({ layout, state }: ClusterStatus, name: string): Promise<void> {
  const daemon = state.daemons.find((one) => one.name === name);
  const processes = await processesOf(layout.run);
  const init = initOf(processes);
  if (daemon === undefined || init === undefined)
    throw new Error(`the cluster ${layout.name} has no ${name}`);
  if (daemonsOf(processes).has(name)) throw new Error(`${name} runs`);
  await createDaemons(layout, entering(init.pid), new AbortController().signal).start(daemon);
}
