import { writeFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import type { ApiClient } from "../api-client.ts";
import { kubeconfig } from "../platform/certificates.ts";
import { runCommand } from "../platform/command.ts";
import { ownNetwork } from "../platform/network.ts";
import { daemonsOf, innerPid, processesOf } from "../platform/processes.ts";
import type { Boot } from "../up.ts";
import { type KnativeProgram, KNATIVE_PROGRAMS, daemonName, knativeDaemon } from "./daemons.ts";
import { configured, nodeServices, SYSTEM } from "./manifests.ts";
import { createAll, definitionsServed } from "./objects.ts";
import { knativeSettings } from "./settings.ts";

const TOKEN_SECONDS = 48 * 3600;
/** As kubelet: Knative's programs answer their health under it alone. */
const PROBE = "kube-probe/1.35";
/** Keeps the controller's network namespace. */
const HOLDER = "knative-controller-network";

/** Knative Serving with its programs as processes of the node; resolves once its webhook takes a Service. */
export async function startKnative(boot: Boot): Promise<void> {
  const { client, daemons, step, layout, artifacts } = boot;
  const { manifests, images } = artifacts;
  const network = controllerNetwork(boot);
  const isNamespace = (kind: string | undefined): boolean => kind === "Namespace";
  await createAll(
    client,
    manifests.core.filter(({ kind }) => isNamespace(kind)),
  );
  await createAll(client, [
    ...manifests.definitions,
    ...manifests.core.filter(({ kind }) => !isNamespace(kind)),
    ...configured(manifests.configMaps, knativeSettings(images.queue.reference)),
    ...nodeServices(layout.addresses),
  ]);
  await Promise.all([
    writeTokens(boot),
    daemons.ready("kube-apiserver", () => definitionsServed(client)),
    // The controller manager puts the account's rights together from roles.
    daemons.ready("kube-controller-manager", () => mayRead(client, "controller")),
  ]);
  step("Knative's objects");
  const enter = await network;
  for (const name of Object.keys(KNATIVE_PROGRAMS) as KnativeProgram[]) {
    const account = KNATIVE_PROGRAMS[name].account;
    const daemon = knativeDaemon(layout.addresses, name, artifacts.knative.folder, tokenFile(boot, account));
    const { program, args } = daemon;
    await daemons.start(
      name === "controller" ? { ...daemon, program: "nsenter", args: [...enter, program, ...args] } : daemon,
    );
  }
  await healthy(boot);
}

async function healthy({ daemons, client, layout, step }: Boot): Promise<void> {
  const { node, knativeController } = layout.addresses;
  const probed: ReadonlyArray<readonly [KnativeProgram, string]> = [
    ["controller", `http://${knativeController}:8080/readiness`],
    ["autoscaler", `http://${node}:8080/`],
    // Once its connection to the autoscaler is up: names and ClusterIPs work then, too.
    ["activator", `http://${node}:8012/`],
  ];
  await Promise.all([
    ...probed.map(async ([name, url]) => {
      await daemons.ready(daemonName(name), () => probe(url));
      step(`Knative's ${name}`);
    }),
    daemons
      .ready(daemonName("webhook"), () =>
        client
          .request("POST", "/apis/serving.knative.dev/v1/namespaces/default/services?dryRun=All", TRIAL)
          .then(() => true),
      )
      .then(() => step("Knative's webhook")),
  ]);
}

const TRIAL = {
  apiVersion: "serving.knative.dev/v1",
  kind: "Service",
  metadata: { name: "trial", namespace: "default" },
  spec: { template: { spec: { containers: [{ image: "registry.local:5000/trial" }] } } },
};

function probe(url: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers: { "user-agent": PROBE }, timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy(new Error("no answer")));
    request.once("error", reject);
  });
}

const tokenFile = ({ layout }: Boot, account: string): string =>
  join(layout.certificates, `knative-${account}.kubeconfig`);

async function mayRead(client: ApiClient, account: string): Promise<boolean> {
  const resourceAttributes = { verb: "list", resource: "configmaps", namespace: SYSTEM };
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    spec: { user: `system:serviceaccount:${SYSTEM}:${account}`, resourceAttributes },
  };
  const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  return (await client.request<{ status: { allowed: boolean } }>("POST", path, review)).status.allowed;
}

/** The programs have the rights of their accounts, not an administrator's. */
async function writeTokens(boot: Boot): Promise<void> {
  const accounts = new Set(Object.values(KNATIVE_PROGRAMS).map(({ account }) => account));
  await Promise.all(
    [...accounts].map(async (account) => {
      const path = `/api/v1/namespaces/${SYSTEM}/serviceaccounts/${account}/token`;
      const spec = { expirationSeconds: TOKEN_SECONDS };
      const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      const { status } = await boot.client.request<{ status: { token: string } }>("POST", path, request);
      await writeFile(tokenFile(boot, account), kubeconfig(boot.layout, { token: status.token }), {
        mode: 0o600,
      });
    }),
  );
}

/** A namespace for the controller, whose port 8080 the autoscaler wants, too. Gives the arguments of nsenter into it. */
async function controllerNetwork({
  artifacts,
  daemons,
  layout,
  namespaces,
  signal,
}: Boot): Promise<string[]> {
  const args = ["--net", artifacts.fixtures.program("pause")];
  await daemons.start({ name: HOLDER, program: "unshare", args });
  let pid = 0;
  await daemons.ready(HOLDER, async () => {
    const holder = daemonsOf(await processesOf(layout.run)).get(HOLDER);
    pid = holder?.program === "pause" ? holder.pid : 0;
    return pid !== 0;
  });
  // Entering by the outer pid, from outside: only the network is entered, and /proc is this machine's.
  const bridge = ownNetwork(layout, pid, layout.addresses.knativeController);
  await runCommand("nsenter", ["-t", String(namespaces.pid), "-n", "sh", "-euc", bridge], { signal });
  return ["-t", String(await innerPid(pid)), "-n", "--"];
}
