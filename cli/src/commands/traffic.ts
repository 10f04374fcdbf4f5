import type { FunctionDetailJson, TrafficJson } from "@hanzo-fn/contract/api";
import { createClient } from "../client.ts";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { type Output, printTable } from "../output.ts";
import { segment } from "../words.ts";

export async function printTraffic(output: Output, answer: TrafficJson): Promise<void> {
  await output.result(
    answer,
    () => {
      printTable(
        output,
        [
          { title: "REVISION", value: (row) => row.revisionName },
          { title: "PERCENT", value: (row) => `${row.percent}%` },
        ],
        answer.traffic,
      );
      output.note(
        answer.mode === "latest" ? "Traffic follows the newest ready revision." : "Traffic is split by hand.",
      );
    },
    () => answer.traffic.map((row) => row.revisionName),
  );
}

function percentOf(text: string): number {
  const percent = Number(text.replace(/%$/, ""));
  if (!/^\d+%?$/.test(text) || percent > 100) {
    throw new UsageError(`a percent is a whole number from 0 to 100, not ${JSON.stringify(text)}`);
  }
  return percent;
}

/** `4=10 3=90` as a whole split. */
function parseSplit(shares: readonly string[]): { revisionName: string; percent: number }[] {
  return shares.map((share) => {
    const [revisionName, percent] = share.split("=");
    if (!revisionName || percent === undefined) {
      throw new UsageError(`--split takes REVISION=PERCENT, not ${JSON.stringify(share)}`);
    }
    return { revisionName, percent: percentOf(percent) };
  });
}

function wishOf({ flags }: Invocation): object | undefined {
  const revision = flags.text("revision");
  const percent = flags.text("percent");
  const shares = flags.texts("split");
  const given = [flags.on("latest"), revision !== undefined || percent !== undefined, shares.length > 0];
  if (given.filter(Boolean).length > 1)
    throw new UsageError("take one of --latest, --revision with --percent, --split");
  if (flags.on("latest")) return { latest: true };
  if (shares.length > 0) return { traffic: parseSplit(shares) };
  if (revision === undefined && percent === undefined) return undefined;
  if (revision === undefined || percent === undefined)
    throw new UsageError("--revision and --percent go together");
  return { revision, percent: percentOf(percent) };
}

export const traffic: Command = {
  name: "traffic",
  summary: "Show or change the traffic split of a function",
  description:
    "A share for one revision scales the others proportionally; if no other has traffic, the remainder\n" +
    "goes to the revision that held it before. Traffic follows the newest ready revision until a split is set;\n" +
    "--latest returns to that.",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [
    {
      name: "revision",
      type: "string",
      value: "REVISION",
      summary: "revision to give a share to, by name or number",
      completes: "revisions",
    },
    { name: "percent", type: "string", value: "N", summary: "its share, 0 to 100" },
    {
      name: "split",
      type: "strings",
      value: "REVISION=PERCENT",
      summary: "the whole split; give one per revision",
    },
    { name: "latest", type: "boolean", summary: "follow the newest ready revision again" },
  ],
  examples: [
    "hanzo-fn traffic embed-document --revision 4 --percent 10",
    "hanzo-fn traffic embed-document --revision 4 --percent 100",
    "hanzo-fn traffic embed-document --split 3=50 --split 4=50",
    "hanzo-fn traffic embed-document --latest",
  ],
  async run(invocation) {
    const wish = wishOf(invocation);
    const client = await createClient(invocation);
    const path = `/v1/functions/${segment(invocation.args[0] as string)}`;
    if (wish === undefined) {
      const detail = await client.call<FunctionDetailJson>("GET", path);
      await printTraffic(invocation.output, { mode: detail.traffic_mode, traffic: detail.traffic });
    } else {
      await printTraffic(invocation.output, await client.call<TrafficJson>("PUT", `${path}/traffic`, wish));
    }
    return EXIT.ok;
  },
};
