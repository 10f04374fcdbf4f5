import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Cluster, helloImage, service } from "@hanzo-fn/e2e/cluster";
import type { ServeProcess } from "../serve-process.ts";
import { median, percentile, round, type Row } from "../suite.ts";
import type { BenchCluster } from "./cluster.ts";
import { type Answer, LANGUAGES, nameOf } from "./functions.ts";
import { nodeTimes, now, type PodWatch, watchPods } from "./pods.ts";

export const FROM_ZERO = "scale from zero, image present";
export const BASELINE = "static Go container";
const PAUSE_MS = 250;

interface Called {
  readonly status: number;
  readonly body: string;
  readonly coldStartMs: number | undefined;
}

/** Something at zero that can be called. */
interface Subject {
  readonly kind: string;
  readonly revision: string;
  readonly container: string;
  call(): Promise<Called>;
}

const PHASES = ["activator", "schedule", "sandbox", "container", "runtime", "answer"] as const;

interface Sample extends Readonly<Record<(typeof PHASES)[number], number>> {
  readonly kind: string;
  readonly total: number;
  readonly header: number | undefined;
  /** From the call to the address of the pod, and to its readiness, as the API server tells them. */
  readonly address: number | undefined;
  readonly ready: number | undefined;
}

/** The activator itself, with what our proxy says to it. */
function throughActivator(activator: string, revision: string, signal: AbortSignal): Promise<Called> {
  const headers = { "Knative-Serving-Namespace": "default", "Knative-Serving-Revision": revision };
  return new Promise((resolve, reject) => {
    const sent = request(activator, { headers, agent: false, signal }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => (body += chunk));
      answer.once("error", reject);
      answer.once("end", () => resolve({ status: answer.statusCode ?? 0, body, coldStartMs: undefined }));
    });
    sent.once("error", reject);
    sent.end();
  });
}

async function baselines(cluster: Cluster, count: number, signal: AbortSignal): Promise<Subject[]> {
  const { activator } = cluster;
  if (activator === undefined) throw new Error("the cluster has no activator that this machine reaches");
  const image = await helloImage(cluster);
  const names = Array.from({ length: count }, (_, i) => `bench-go-${i}`);
  await cluster.apply(...names.map((name) => service(name, `${name}-00001`, image)));
  const revisions = names.map((name) => `revision/${name}-00001`);
  await cluster.kubectl(["wait", "--for=create", ...revisions, "--timeout=60s"]);
  await cluster.kubectl(["wait", "--for=condition=Ready", ...revisions, "--timeout=120s"]);
  return names.map((name) => ({
    kind: BASELINE,
    revision: `${name}-00001`,
    container: "user-container",
    call: () => throughActivator(activator, `${name}-00001`, signal),
  }));
}

function functionSubjects(platform: ServeProcess, count: number, number: number): Subject[] {
  return Array.from({ length: count }, (_, i) => i).flatMap((i) =>
    LANGUAGES.map((language) => ({
      kind: language,
      revision: `${nameOf(language, i)}-${String(number).padStart(5, "0")}`,
      container: "function",
      async call() {
        const { status, body, headers } = await platform.call(nameOf(language, i));
        const said = headers["x-function-cold-start-ms"];
        return { status, body, coldStartMs: said === undefined ? undefined : Number(said) };
      },
    })),
  );
}

/** One call of what is at zero; undefined where it met a pod all the same. */
async function coldCall(subject: Subject, pods: PodWatch, podLogs: string): Promise<Sample | undefined> {
  await pods.atZero(subject.revision);
  const began = now();
  const { status, body, coldStartMs } = await subject.call();
  const ended = now();
  if (status !== 200) throw new Error(`${subject.revision} answered ${status}: ${body}`);
  const pod = pods.made(subject.revision, began);
  if (pod?.scheduled === undefined) return undefined;
  const { sandbox, started } = await nodeTimes(podLogs, pod, subject.container);
  // Only functions say when their code was loaded.
  const loaded = body.startsWith("{") ? (JSON.parse(body) as Answer).loaded : started;
  const since = (at: number | undefined): number | undefined => (at === undefined ? undefined : at - began);
  return {
    kind: subject.kind,
    total: ended - began,
    activator: pod.created - began,
    schedule: pod.scheduled - pod.created,
    sandbox: sandbox - pod.scheduled,
    container: started - sandbox,
    runtime: loaded - started,
    answer: ended - loaded,
    header: coldStartMs,
    address: since(pod.address),
    ready: since(pod.ready),
  };
}

function row(kind: string, samples: readonly Sample[]): Row {
  const middle = (pick: (sample: Sample) => number | undefined): number | string => {
    const values = samples.map(pick).filter((value) => value !== undefined);
    return values.length === 0 ? "" : round(median(values));
  };
  const totals = samples.map(({ total }) => total);
  return {
    part: FROM_ZERO,
    what: kind,
    samples: samples.length,
    p50_ms: round(percentile(totals, 0.5)),
    p99_ms: round(percentile(totals, 0.99)),
    header_p50_ms: middle(({ header }) => header),
    ...Object.fromEntries(PHASES.map((phase) => [`${phase}_p50_ms`, middle((sample) => sample[phase])])),
    pod_address_at_p50_ms: middle(({ address }) => address),
    pod_ready_at_p50_ms: middle(({ ready }) => ready),
  };
}

/** Everything in turn, one call at a time, each of a function that the autoscaler has scaled to zero. */
export async function coldStartRows(
  platform: ServeProcess,
  { cluster, podLogs }: BenchCluster,
  scale: { readonly functions: number; readonly revision: number; readonly rounds: number },
  signal: AbortSignal,
): Promise<Row[]> {
  using pods = await watchPods(cluster.kubeconfig, signal);
  const subjects = [
    ...functionSubjects(platform, scale.functions, scale.revision),
    ...(await baselines(cluster, scale.functions, signal)),
  ];
  const samples: Sample[] = [];
  const wanted = subjects.length * scale.rounds;
  for (let i = 0; samples.length < wanted; i++) {
    if (i > wanted * 2) throw new Error(`of ${i} calls only ${samples.length} were cold starts`);
    const sample = await coldCall(subjects[i % subjects.length] as Subject, pods, podLogs);
    if (sample !== undefined) samples.push(sample);
    await sleep(PAUSE_MS, undefined, { signal });
  }
  const kinds = Map.groupBy(samples, ({ kind }) => kind);
  return [...kinds].map(([kind, all]) => row(kind, all));
}
