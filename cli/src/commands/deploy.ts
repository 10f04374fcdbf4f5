import { readFile, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import type { DeployAnswerJson, DeployCheckJson, RevisionDetailJson } from "@hanzo-fn/contract/api";
import { followBuild } from "../build-lines.ts";
import { type Client, createClient } from "../client.ts";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { reportCheck } from "../deploy-check.ts";
import { detailLines, exitCodeOf } from "../failure.ts";
import { bytes } from "../output.ts";
import { createProgress, type Progress } from "../progress.ts";
import { archive, listSource, multipart } from "../source.ts";
import { milliseconds, segment } from "../words.ts";

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** `<source>/function.yaml`, else `./function.yaml`. */
async function findManifest(source: string, cwd: string): Promise<{ path: string; text: string }> {
  for (const path of new Set([join(source, "function.yaml"), join(cwd, "function.yaml")])) {
    const text = await readText(path);
    if (text !== undefined) return { path, text };
  }
  throw new UsageError(
    `there is no function.yaml in ${relative(cwd, source) || "."} nor here; hanzo-fn init makes one`,
  );
}

async function waitUntilReady(
  client: Client,
  name: string,
  revision: string,
  progress: Progress,
): Promise<RevisionDetailJson> {
  const path = `/v1/functions/${segment(name)}/revisions/${segment(revision)}?wait=30s`;
  for (;;) {
    const detail = await client.call<RevisionDetailJson>("GET", path);
    if (detail.state === "ready" || detail.state === "failed") return detail;
    progress.now(detail.state === "building" ? "Building" : "Starting");
  }
}

/** Waits while what the build's tools print goes to the terminal. */
async function watchBuild(
  { output }: Invocation,
  client: Client,
  progress: Progress,
  name: string,
  revision: string,
): Promise<RevisionDetailJson> {
  const over = new AbortController();
  const onLine = (line: string): void => output.note(`  | ${line}`);
  const following = followBuild(client, name, revision, onLine, over.signal);
  try {
    return await waitUntilReady(client, name, revision, progress);
  } finally {
    over.abort();
    await following;
  }
}

function reportFailedRevision(invocation: Invocation, name: string, revision: RevisionDetailJson): number {
  const { output } = invocation;
  const failure = revision.failure;
  output.problem(
    `error: revision ${revision.name} failed: ${failure?.message ?? "unknown reason"} (${failure?.code ?? "internal"})`,
  );
  const details = failure?.details ?? [];
  for (const line of details.flatMap(detailLines)) output.problem(line);
  for (const line of failure?.log_tail ?? []) output.problem(`  | ${line}`);
  output.problem(
    `  next: mend the source and deploy again, or see hanzo-fn describe ${name}; the traffic stays where it was`,
  );
  return failure === undefined ? EXIT.failure : exitCodeOf(failure.code);
}

/** Packs the source and sends it; gives the platform's answer. */
async function upload<T>(
  { flags }: Invocation,
  client: Client,
  progress: Progress,
  { source, manifest }: Sources,
  path: string,
): Promise<T> {
  const wanted = flags.text("name");
  progress.now("Packing");
  const files = await listSource(source);
  if (files.length === 0) throw new UsageError(`${source} is empty`);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  progress.done(`Packed ${files.length} ${files.length === 1 ? "file" : "files"}, ${bytes(size)}`);

  progress.now("Uploading");
  const { contentType, body } = multipart(manifest, archive(files));
  const query = new URLSearchParams({
    ...(flags.on("check") ? {} : { update: "true" }),
    ...(wanted === undefined ? {} : { name: wanted }),
    ...(flags.on("no-traffic") ? { no_traffic: "true" } : {}),
  });
  return await client.upload<T>("POST", `${path}?${query}`, contentType, body);
}

interface Sources {
  readonly source: string;
  readonly manifest: string;
}

/** Packs, uploads, and says what a deploy would do. */
async function checkSource(
  invocation: Invocation,
  client: Client,
  progress: Progress,
  sources: Sources,
): Promise<number> {
  const answer = await upload<DeployCheckJson>(invocation, client, progress, sources, "/v1/check");
  progress.clear();
  return await reportCheck(invocation.output, answer);
}

/** Packs, uploads, and waits until the revision is ready or has failed. */
async function deploySource(
  invocation: Invocation,
  client: Client,
  progress: Progress,
  sources: Sources,
): Promise<number> {
  const { flags, output } = invocation;
  const started = performance.now();
  const answer = await upload<DeployAnswerJson>(invocation, client, progress, sources, "/v1/functions");
  const name = answer.function.name;
  progress.done(
    answer.new_revision
      ? `Uploaded; revision ${answer.revision.name}`
      : `Unchanged; revision ${answer.revision.name} is current`,
  );
  if (answer.changed.length > 0) output.note(`  applied at once: ${answer.changed.join(", ")}`);
  for (const warning of answer.warnings) output.note(`  warning: ${warning}`);
  if (flags.on("no-wait")) {
    await output.result(
      answer,
      () => output.line(answer.function.url),
      () => [answer.revision.name],
    );
    return EXIT.ok;
  }

  progress.now("Building");
  const revision = await watchBuild(invocation, client, progress, name, answer.revision.name);
  if (revision.state === "failed") {
    progress.clear();
    return reportFailedRevision(invocation, name, revision);
  }
  const phases = Object.entries(revision.phases_ms).map(([phase, ms]) => `${phase} ${milliseconds(ms)}`);
  progress.done(`Ready${phases.length > 0 ? ` (${phases.join(", ")})` : ""}`);
  for (const warning of revision.warnings)
    if (!answer.warnings.includes(warning)) output.note(`  warning: ${warning}`);
  output.note(
    `Deployed ${name} in ${milliseconds(performance.now() - started)}; ${revision.percent}% of the traffic.`,
  );
  await output.result(
    { ...answer, revision },
    () => output.line(answer.function.url),
    () => [revision.name],
  );
  return EXIT.ok;
}

export const deploy: Command = {
  name: "deploy",
  summary: "Deploy a function from its source",
  description:
    "The manifest is <source>/function.yaml, else ./function.yaml. Waits until the new revision is ready and\n" +
    "has its traffic. Content that equals the current revision makes no new one.",
  args: [],
  flags: [
    {
      name: "source",
      type: "string",
      value: "DIR",
      summary: "folder of the source (default .)",
      completes: "files",
    },
    {
      name: "name",
      type: "string",
      value: "NAME",
      summary: "name of the function, instead of the manifest's",
    },
    { name: "no-traffic", type: "boolean", summary: "give the new revision no traffic until it is routed" },
    {
      name: "check",
      type: "boolean",
      summary: "say what would change and what would be refused; nothing is stored or built",
    },
    { name: "no-wait", type: "boolean", summary: "return as soon as the deploy is accepted" },
  ],
  examples: [
    "hanzo-fn deploy --name my-function --source ./src",
    "hanzo-fn deploy --source . --no-traffic",
    "hanzo-fn deploy --check",
  ],
  async run(invocation) {
    const { flags, cwd } = invocation;
    const source = resolve(cwd, flags.text("source") ?? ".");
    if (!(await stat(source).catch(() => undefined))?.isDirectory())
      throw new UsageError(`${source} is no folder`);
    const found = await findManifest(source, cwd);
    const client = await createClient(invocation);
    const progress = createProgress(invocation.output);
    try {
      const sources = { source, manifest: found.text };
      const work = flags.on("check") ? checkSource : deploySource;
      return await work(invocation, client, progress, sources);
    } finally {
      progress.clear();
    }
  },
};
