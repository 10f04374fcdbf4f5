/**
 * `npm run cluster -- up|down|status|build [--name NAME]`: a real Kubernetes with Knative Serving on this machine, in
 * namespaces of its own (docs/cluster.md). `up` builds what is not built and does nothing where the cluster runs;
 * `down` leaves nothing but the builds in .cache/cluster; `build` builds and starts nothing.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build, type ClusterStatus, clusterStatus, down, up } from "../e2e/cluster/cluster.ts";
import { REGISTRY } from "../e2e/cluster/layout.ts";
import { registryUrl } from "../e2e/cluster/up.ts";
import { apiUrl } from "../e2e/cluster/platform/certificates.ts";
import { ROOT } from "./run-command.ts";

const USAGE = "npm run cluster -- up|down|status|build [--name NAME]";
const MIB = 1024 ** 2;
const cache = join(ROOT, ".cache", "cluster");

function show({ layout, state, daemons }: ClusterStatus): void {
  for (const { name, pid, resident } of daemons) {
    const running = pid === undefined ? "ended" : `pid ${pid}, ${Math.round(resident / MIB)} MiB`;
    console.log(`${name.padEnd(28)} ${running}`);
  }
  const total = daemons.reduce((sum, { resident }) => sum + resident, 0);
  const { addresses, kubeconfig, logs } = layout;
  const lines = {
    "resident in all": `${Math.round(total / MIB)} MiB`,
    "API server": apiUrl(layout),
    registry: `${registryUrl(layout)} from this machine, ${REGISTRY} in the cluster`,
    "this machine, for pods": addresses.host,
    "pods, services": `${addresses.podCidr}, ${addresses.serviceCidr}`,
    kubectl: join(state.kubernetes, "kubectl"),
    logs,
    "": `export KUBECONFIG=${kubeconfig}`,
  };
  for (const [what, value] of Object.entries(lines)) console.log(`${what.padEnd(28)} ${value}`);
}

/** Gives the exit code. */
async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { name: { type: "string", default: "main" } },
  });
  const { name } = values;
  const started = performance.now();
  const stop = new AbortController();
  const stopOn = (message: string): void => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort(new Error(message)));
  };
  switch (positionals[0]) {
    case "build": {
      stopOn("broken off: the next one goes on where it was");
      await build({ cache, log: console.log }, stop.signal);
      return 0;
    }
    case "up": {
      stopOn(`broken off: npm run cluster -- down --name ${name}`);
      show(await up({ cache, name, log: console.log }, stop.signal));
      return 0;
    }
    case "down": {
      const found = await down({ cache, name });
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(found ? `the cluster ${name} is gone, in ${seconds} s` : `there was no cluster ${name}`);
      return 0;
    }
    case "status": {
      const status = await clusterStatus(cache, name);
      if (status === undefined) {
        console.log(`the cluster ${name} does not run: npm run cluster -- up`);
        return 1;
      }
      show(status);
      return status.daemons.every(({ pid }) => pid !== undefined) ? 0 : 1;
    }
    default:
      console.error(USAGE);
      return 2;
  }
}

process.exitCode = await main().catch((error: Error) => {
  console.error(error.message);
  return 1;
});
