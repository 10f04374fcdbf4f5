import type { FunctionJson } from "@hanzo-fn/contract/api";
import { createClient } from "../client.ts";
import { type Command, EXIT, UsageError } from "../command.ts";
import { contextPath, saveContext } from "../contexts.ts";
import { readStdin } from "../stdin.ts";

export const login: Command = {
  name: "login",
  summary: "Save where a platform is and the key to it",
  description: "The key is checked against the platform first, then kept in a file that only you can read.",
  args: [],
  flags: [
    {
      name: "name",
      type: "string",
      value: "NAME",
      summary: "name of the context (default: the server's host)",
    },
    { name: "token-stdin", type: "boolean", summary: "read the token from standard input" },
  ],
  examples: ["hanzo-fn login --server https://fn.example.com --token-stdin < token.txt"],
  async run(invocation) {
    const { flags, env, output } = invocation;
    const fromStdin = flags.on("token-stdin") ? (await readStdin()).toString("utf8").trim() : undefined;
    const token = fromStdin ?? flags.text("token") ?? env["HANZO_API_KEY"];
    if (token === undefined || token === "") {
      throw new UsageError("a token is missing; give --token, HANZO_API_KEY, or --token-stdin");
    }
    const withToken = { ...flags, text: (key: string) => (key === "token" ? token : flags.text(key)) };
    const client = await createClient({ ...invocation, flags: withToken });
    await client.call<{ functions: FunctionJson[] }>("GET", "/v1/functions?pageSize=1");
    const name = flags.text("name") ?? new URL(client.server).hostname;
    const org = flags.text("org");
    const context = { server: client.server, invoke_server: client.invokeServer, token };
    await saveContext(env, name, org === undefined ? context : { ...context, org }, true);
    output.note(`Saved context ${name} in ${contextPath(env)} and switched to it.`);
    return EXIT.ok;
  },
};
