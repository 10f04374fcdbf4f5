import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";

export interface RunPlaces {
  /** One private directory per instance. */
  readonly instances: string;
  /** What runs, for the sweep after a kill -9. */
  readonly ledger: string;
}

/**
 * A short directory for the sockets of the platform with this data directory, the same one at every start:
 * outside of the data directory, which other uids cannot pass through.
 */
export function defaultRunDir(parent: string, dataDir: string): string {
  return join(parent, `hfn-${createHash("sha256").update(dataDir).digest("hex").slice(0, 8)}`);
}

/** A range of uids for a run directory; two platforms on one machine hardly get the same one. */
export function defaultUids(runDir: string): { readonly base: number; readonly count: number } {
  const slot = createHash("sha256").update(runDir).digest().readUInt32BE(0) % 4096;
  return { base: 400_000 + slot * 512, count: 512 };
}

/** Makes a directory of this user's own. Throws where somebody else's is in its place. */
export function makeDir(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  const stat = lstatSync(path);
  // In a shared place such as /tmp somebody else may have been first.
  if (!stat.isDirectory() || (process.getuid && stat.uid !== process.getuid())) {
    throw new Error(`${path} is not a directory of this user: remove it, or choose another run directory`);
  }
  chmodSync(path, mode);
}

export function makeRunPlaces(runDir: string): RunPlaces {
  const places = { instances: join(runDir, "i"), ledger: join(runDir, "p") };
  makeDir(runDir, 0o711);
  makeDir(places.instances, 0o711);
  makeDir(places.ledger, 0o700);
  return places;
}

/** After a clean stop nothing is in them; what still holds something stays for the next start. */
export function removeRunPlaces(runDir: string, places: RunPlaces): void {
  for (const dir of [places.instances, places.ledger, runDir]) {
    try {
      rmdirSync(dir);
    } catch {
      return;
    }
  }
}
