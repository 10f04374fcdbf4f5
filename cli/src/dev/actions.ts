import { bytes, type Output } from "../output.ts";
import { milliseconds } from "../words.ts";
import { exampleOf, type ExampleRequest, readSamples } from "./examples.ts";
import { type KeyAction, keyHelp } from "./keys.ts";
import { sendExample } from "./send-example.ts";
import type { DevServer } from "./serve-dev.ts";

interface Parts {
  readonly server: DevServer;
  readonly root: string;
  readonly debugPort: number | undefined;
  readonly output: Output;
  readonly signal: AbortSignal;
  /** Ends dev. */
  readonly quit: () => void;
}

const CLEAR_SCREEN = "\u001B[2J\u001B[3J\u001B[H";
/** What of an answer is shown; the whole of it is one `curl` away. */
const MAX_SHOWN = 4096;

async function examplesOf({ server, root }: Parts): Promise<ExampleRequest[]> {
  const manifest = server.settings?.manifest;
  if (manifest === undefined) return [];
  const samples = await readSamples(root);
  const now = new Date().toISOString();
  return manifest.triggers.map((trigger) => exampleOf(manifest, trigger, samples, now));
}

async function send(example: ExampleRequest, { server, output, signal }: Parts): Promise<void> {
  const body = example.body === undefined ? "" : ` ${example.body}`;
  output.note(`→ ${example.title}${body.length > 200 ? `${body.slice(0, 200)} …` : body}`);
  let shown = 0;
  const onText = (text: string): void => {
    if (shown < MAX_SHOWN) output.bytes(Buffer.from(text.slice(0, MAX_SHOWN - shown)));
    shown += text.length;
  };
  const host = server.host === "0.0.0.0" ? "127.0.0.1" : server.host;
  const { status, ms } = await sendExample(server.port, host, example, onText, signal);
  if (shown > 0) output.bytes(Buffer.from(shown > MAX_SHOWN ? " …\n" : "\n"));
  output.note(`← ${status} [${milliseconds(ms)}]`);
}

function debugInfo({ server, root, debugPort, output }: Parts): void {
  const { code, settings, watch, url } = server;
  const { instance } = code;
  const rows: [string, string][] = [
    ["url", url],
    ["source", root],
    ["function", settings === undefined ? "-" : `${settings.manifest.name} (${settings.manifest.runtime})`],
    ["saves seen", String(watch.version - 1)],
    ["debugger", debugPort === undefined ? "off; --inspect opens it" : `127.0.0.1:${debugPort}`],
    ["dev", `process ${process.pid}, Node ${process.version}, ${bytes(process.memoryUsage().rss)}`],
  ];
  if (instance === undefined) rows.push(["instance", "none: the newest source does not serve"]);
  else {
    const { pid, address } = instance.process;
    const size = bytes(instance.process.memoryBytes());
    rows.push([
      "instance",
      `${instance.options.revision}, process ${pid}, ${size}, ${instance.inFlight} calls`,
    ]);
    rows.push(["socket", address.path]);
  }
  const variables = Object.keys(settings?.environment ?? {})
    .toSorted()
    .join(" ");
  rows.push(["variables", variables || "none"]);
  for (const [name, value] of rows) output.note(`  ${name.padEnd(10)}  ${value}`);
}

/** What the keys of `hanzo-fn dev` do. */
export function createActions(parts: Parts): readonly KeyAction[] {
  const { server, output } = parts;
  let chosen = 0;
  const sendChosen = async (step: number): Promise<void> => {
    const examples = await examplesOf(parts);
    if (examples.length === 0) return output.note("there is no trigger to send an example of");
    chosen = (chosen + step) % examples.length;
    return send(examples[chosen] as ExampleRequest, parts);
  };
  const clear = (): void => {
    if (output.tty) output.bytes(Buffer.from(CLEAR_SCREEN));
  };
  const actions: KeyAction[] = [
    {
      key: "e",
      meaning: "send the example request of the trigger; example.json holds its data",
      run: () => sendChosen(0),
    },
    { key: "o", meaning: "send that of the other trigger, one after the other", run: () => sendChosen(1) },
    { key: "r", meaning: "build and load anew", run: () => void server.watch.touch() },
    { key: "l", meaning: "clear the screen", run: clear },
    { key: "d", meaning: "show processes, ports and variables", run: () => debugInfo(parts) },
    { key: "?", meaning: "show these keys", run: () => output.note(keyHelp(actions)) },
    { key: "q", meaning: "quit", run: parts.quit },
  ];
  return actions;
}
