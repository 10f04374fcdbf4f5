import { enableCompileCache } from "node:module";

enableCompileCache();
const argv = process.argv.slice(2);
// A reader that went away (`| head`) ends a command quietly; the platform itself goes on without its log.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  if (argv[0] !== "serve") process.exit(0);
});
const { run } = await import("./run.ts");
process.exitCode = await run(argv, process);
