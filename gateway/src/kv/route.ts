import { json, readJson, type Route } from "../call.ts";
import { parseCommand } from "./command.ts";
import type { Kv } from "./kv.ts";
import { runCommand } from "./run.ts";

/** A value of 1 MiB whose every byte JSON escapes, and room for what stands around it. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

export function kvRoutes(kv: Kv): readonly Route[] {
  return [
    {
      kind: "kv",
      method: "POST",
      path: "/v1/kv",
      async handle({ identity, request }) {
        const command = parseCommand(await readJson(request, MAX_BODY_BYTES));
        return json({ value: await runCommand(kv, identity, command) });
      },
    },
  ];
}
