import type { Case } from "./cases.ts";
import { invalidRequests } from "./invalid-requests.ts";
import { invalidResponses } from "./invalid-responses.ts";
import { validRequests } from "./valid-requests.ts";
import { validResponses } from "./valid-responses.ts";

function asLines(cases: readonly Case[]): string {
  return `[\n${cases.map((one) => JSON.stringify(one)).join(",\n")}\n]\n`;
}

/** The committed corpus files by name, as the case lists give them: one message a line. */
export function corpusFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["valid-requests.json", asLines(validRequests())],
    ["valid-responses.json", asLines(validResponses())],
    ["invalid-requests.json", asLines(invalidRequests())],
    ["invalid-responses.json", asLines(invalidResponses())],
  ]);
}
