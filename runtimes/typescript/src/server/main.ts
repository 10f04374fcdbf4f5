import { captureOutput } from "./capture.ts";
import { endOnSignal, endOnUncaught, endWithPlatform } from "./life.ts";
import { createLogWriter, writeAll } from "./log-writer.ts";
import { asLoadError, Runtime } from "./runtime.ts";
import { createScopes } from "./scope.ts";
import { takeSettings, type Assignment } from "./settings.ts";

/** The exit code of a server that cannot listen: section 1 of the runtime contract. */
const EXIT_CANNOT_LISTEN = 70;

// `--check` loads the whole server and ends: it tells whether this Node can run it, and with NODE_COMPILE_CACHE set
// it fills the directory that later boots read.
const settings = takeSettings(process.env);
if (process.argv.includes("--check")) process.exit(0);

const scopes = createScopes(createLogWriter(1));
const runtime = new Runtime({ scopes, process }, settings);

captureOutput(scopes, process, globalThis.console);
endOnUncaught(process, scopes);
endOnSignal(runtime, process, settings.drainMs);
endWithPlatform(process);

if (settings.listen === undefined) cannotListen("neither HANZO_FN_SOCKET nor PORT is set");
runtime.server.on("error", (error) => cannotListen(error.message));
runtime.server.listen(settings.listen, () => {
  if (settings.assignment !== undefined) void specialisedBoot(settings.assignment);
});

async function specialisedBoot(assignment: Assignment): Promise<void> {
  try {
    await runtime.specialise(assignment);
  } catch (error) {
    const { kind, message, trace } = asLoadError(error);
    const fields = trace === "" ? undefined : { trace };
    scopes.writer.write({
      level: "error",
      stream: "log",
      msg: `load failed: ${kind}: ${message}`,
      fields,
      requestId: undefined,
    });
    process.exit(1);
  }
}

function cannotListen(reason: string): never {
  writeAll(2, `hanzo-fn runtime: cannot listen: ${reason.replaceAll("\n", " ")}\n`);
  process.exit(EXIT_CANNOT_LISTEN);
}
