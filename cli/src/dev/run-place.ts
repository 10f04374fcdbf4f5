import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface RunPlace {
  readonly dir: string;
  /** One private directory per instance. */
  readonly instances: string;
  readonly ledger: string;
  remove(): Promise<void>;
}

/** A socket path holds 107 bytes, and 25 of them come after this directory. */
const MAX_DIR = 80;

/**
 * Ends what runs and takes the directory away when its input ends, which is when this process is gone, however it
 * went. Instances end by themselves then; one that is stopped in a debugger does not.
 */
const REAPER = `trap "" HUP INT TERM; cat >/dev/null; for f in "$0"/p/*; do [ -e "$f" ] && kill -9 -"\${f##*/}"; done; rm -rf -- "$0"`;

/** A directory for the sockets of this process, that does not outlive it. */
export async function makeRunPlace(): Promise<RunPlace> {
  const parent = tmpdir();
  const dir = await mkdtemp(join(parent.length > MAX_DIR - 15 ? "/tmp" : parent, "hfn-dev-"));
  await chmod(dir, 0o711);
  const [instances, ledger] = [join(dir, "i"), join(dir, "p")];
  await mkdir(instances, { mode: 0o711 });
  await mkdir(ledger, { mode: 0o700 });
  const reaper = spawn("sh", ["-c", REAPER, dir], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  // Without a shell the directory stays after a kill -9, and nothing else.
  reaper.on("error", () => {});
  reaper.stdin.on("error", () => {});
  reaper.unref();
  return {
    dir,
    instances,
    ledger,
    async remove() {
      await rm(dir, { recursive: true, force: true });
      reaper.stdin.end();
    },
  };
}
