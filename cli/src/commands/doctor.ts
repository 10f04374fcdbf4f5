import { type Command, EXIT } from "../command.ts";
import { printTable } from "../output.ts";
import { type Finding, inspectMachine } from "../doctor/machine.ts";
import { inspectPlatform } from "../doctor/platform.ts";

const MARKS: Readonly<Record<Finding["state"], string>> = {
  ok: "ok",
  absent: "absent",
  weak: "weak",
  bad: "BAD",
};

export const doctor: Command = {
  name: "doctor",
  summary: "Check this machine and the platform",
  description:
    "Says what this machine has and lacks, which limits the local engine does not enforce on it, and whether the\n" +
    "platform answers. Fails only where something that `hanzo-fn serve` needs is missing.",
  args: [],
  flags: [],
  examples: ["hanzo-fn doctor", "hanzo-fn doctor -o json"],
  async run(invocation) {
    const findings = [...(await inspectMachine(invocation.env)), ...(await inspectPlatform(invocation))];
    await invocation.output.result(
      findings,
      () =>
        printTable(
          invocation.output,
          [
            { title: "WHAT", value: (row) => row.what },
            { title: "STATE", value: (row) => MARKS[row.state] },
            { title: "DETAIL", value: (row) => row.detail },
          ],
          findings,
        ),
      () => findings.map((row) => row.what),
    );
    return findings.some((finding) => finding.state === "bad") ? EXIT.failure : EXIT.ok;
  },
};
