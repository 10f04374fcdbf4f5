/**
 * `npm run e2e -- [--engine local|knative] [file ...]`: the end-to-end tests, on the engine `local` where none is named.
 * With `knative` functions run on the cluster of `npm run cluster -- up`, which is started where it does not run and
 * stays (docs/cluster.md); CLUSTER_NAME or KUBECONFIG name another.
 */
import { parseArgs } from "node:util";
import { runCommand } from "./run-command.ts";

const PROJECTS: Readonly<Record<string, string>> = { local: "e2e", knative: "knative" };

const { values, positionals } = parseArgs({
  options: { engine: { type: "string", default: "local" } },
  allowPositionals: true,
});
const project = PROJECTS[values.engine];
if (project === undefined) {
  console.error(`--engine is one of ${Object.keys(PROJECTS).join(", ")}, not ${values.engine}`);
  process.exitCode = 2;
} else {
  const { code } = await runCommand("vitest", ["run", "--project", project, ...positionals], { echo: true });
  process.exitCode = code;
}
