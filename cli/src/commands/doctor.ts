import { type Command, EXIT } from "../command.ts";
export const doctor: Command = {
  name: "doctor",
  summary: "x",
  args: [],
  flags: [],
  examples: [],
  run: async () => EXIT.ok,
};
