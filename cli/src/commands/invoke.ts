import type { IncomingMessage } from "node:http";
import type { TaskAcceptedJson } from "@hanzo-fn/contract/api";
import { type Client, createClient, readAll, toApiError } from "../client.ts";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { exitCodeOf } from "../failure.ts";
import { DATA_FLAGS, type Payload, payloadOf } from "../payload.ts";
import { segment } from "../words.ts";
import { exitCodeOfTask, waitForTask } from "./tasks.ts";

function headersOf({ flags }: Invocation): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of flags.texts("header")) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw new UsageError(`-H takes "Name: value", not ${JSON.stringify(line)}`);
    headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  const revision = flags.text("revision");
  if (revision !== undefined) headers["x-function-revision"] = revision;
  return headers;
}

function summary(message: IncomingMessage, wallMs: number): string {
  const { headers } = message;
  const cold = headers["x-function-cold-start-ms"];
  return [
    `${message.statusCode}`,
    `${wallMs.toFixed(1)} ms`,
    `revision ${String(headers["x-function-revision"] ?? "-")}`,
    `request ${String(headers["x-request-id"] ?? "-")}`,
    ...(cold === undefined ? [] : [`cold start ${String(cold)} ms`]),
  ].join(", ");
}

/** Streams the answer to stdout, and ends it with a line end; gives false where it broke off. */
async function printAnswer(message: IncomingMessage, { output, signal }: Invocation): Promise<boolean> {
  let last = 10;
  let whole = true;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      output.bytes(chunk);
      last = chunk.at(-1) ?? last;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    whole = false;
  }
  if (last !== 10) output.bytes(Buffer.from("\n"));
  return whole;
}

/** One call; streams the answer to stdout as it comes. */
async function callOnce(
  client: Client,
  invocation: Invocation,
  url: string,
  payload: Payload,
): Promise<number> {
  const { output, flags } = invocation;
  const headers = headersOf(invocation);
  if (payload.contentType !== undefined) headers["content-type"] ??= payload.contentType;
  const started = performance.now();
  const message = await client.send(url, {
    method: flags.text("method") ?? "POST",
    headers,
    ...(payload.body === undefined ? {} : { body: payload.body }),
  });
  const status = message.statusCode ?? 0;
  if (status >= 400 && message.headers["x-function-not-delivered"] !== undefined)
    throw await toApiError(message);
  if (flags.on("include")) {
    output.line(`HTTP/1.1 ${status}`);
    for (let i = 0; i < message.rawHeaders.length; i += 2) {
      output.line(`${message.rawHeaders[i]}: ${message.rawHeaders[i + 1]}`);
    }
    output.line("");
  }
  const whole = await printAnswer(message, invocation);
  output.note(summary(message, performance.now() - started));
  if (!whole) output.problem("error: the answer broke off; the function failed, or its time was up");
  if (status < 400 && whole) return EXIT.ok;
  const request = message.headers["x-request-id"];
  if (request !== undefined) {
    output.note(`  next: hanzo-fn logs ${invocation.args[0]} --request-id ${String(request)}`);
  }
  return status === 504 ? exitCodeOf("timeout") : EXIT.functionError;
}

/** Queues the call; prints the task's id, or with --wait the answer once there is one. */
async function callLater(client: Client, invocation: Invocation, payload: Payload): Promise<number> {
  const { flags, output } = invocation;
  const name = invocation.args[0] as string;
  const headers = headersOf(invocation);
  if (payload.contentType !== undefined) headers["content-type"] ??= payload.contentType;
  const message = await client.send(`${client.invokeServer}/v1/functions/${segment(name)}/invoke-async`, {
    method: "POST",
    headers,
    ...(payload.body === undefined ? {} : { body: payload.body }),
  });
  if (message.statusCode !== 202) throw await toApiError(message);
  const accepted = JSON.parse((await readAll(message)).toString("utf8")) as TaskAcceptedJson;
  const id = accepted.task_id;
  if (!flags.on("wait")) {
    await output.result(
      accepted,
      () => output.line(id),
      () => [id],
    );
    output.note(`  next: hanzo-fn tasks get ${id} --wait`);
    return EXIT.ok;
  }
  output.note(`${id} is accepted`);
  const task = await waitForTask(client, id);
  if (task.response?.body_url !== undefined) {
    await printAnswer(await client.send(client.server + task.response.body_url), invocation);
  }
  output.note(`${task.status}, ${task.attempts} attempts, request ${task.request_id}`);
  if (task.error !== undefined) output.problem(`error: ${task.error.message} (${task.error.code})`);
  return exitCodeOfTask(task);
}

export const invoke: Command = {
  name: "invoke",
  summary: "Call a function and print its answer",
  description:
    "The body is --data, --file, or standard input. The answer goes to stdout as it comes; one line about it to stderr.",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [
    ...DATA_FLAGS,
    {
      name: "header",
      short: "H",
      type: "strings",
      value: "'NAME: VALUE'",
      summary: "send a header; may be repeated",
    },
    {
      name: "content-type",
      type: "string",
      value: "TYPE",
      summary: "type of the body (default application/json)",
    },
    {
      name: "method",
      short: "X",
      type: "string",
      value: "METHOD",
      summary: "method with --path (default POST)",
    },
    {
      name: "path",
      type: "string",
      value: "PATH",
      summary: "call this HTTP-trigger path instead of /invoke",
    },
    {
      name: "revision",
      type: "string",
      value: "REVISION",
      summary: "call this revision, whatever the split",
      completes: "revisions",
    },
    { name: "async", type: "boolean", summary: "queue the call and print its task's id" },
    { name: "wait", type: "boolean", summary: "with --async: wait for the end and print the answer" },
    { name: "repeat", type: "string", value: "N", summary: "call N times, one after the other" },
    { name: "include", short: "i", type: "boolean", summary: "print status and headers too" },
  ],
  examples: [
    `hanzo-fn invoke my-function --data '{"key": "value"}'`,
    "hanzo-fn invoke my-function --file document.json --revision 3",
    "echo '{}' | hanzo-fn invoke my-function",
    "hanzo-fn invoke my-function --async --wait --data '{}'",
  ],
  async run(invocation) {
    const client = await createClient(invocation);
    const repeat = Number(invocation.flags.text("repeat") ?? "1");
    if (!Number.isInteger(repeat) || repeat < 1) throw new UsageError("--repeat takes a whole number from 1");
    const payload = await payloadOf(invocation);
    if (invocation.flags.on("async")) {
      const unfit = ["path", "method", "repeat"].find((name) => invocation.flags.text(name) !== undefined);
      if (unfit !== undefined) throw new UsageError(`--async does not go with --${unfit}`);
      return callLater(client, invocation, payload);
    }
    if (invocation.flags.on("wait")) throw new UsageError("--wait goes with --async");
    const path =
      invocation.flags.text("path") ?? `/v1/functions/${segment(invocation.args[0] as string)}/invoke`;
    let worst: number = EXIT.ok;
    for (let i = 0; i < repeat; i++) {
      worst = Math.max(worst, await callOnce(client, invocation, client.invokeServer + path, payload));
    }
    return worst;
  },
};
