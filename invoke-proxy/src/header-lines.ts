/** Header lines as pairs, with lower-case names. */
export function parseLines(lines: string): Array<readonly [string, string]> {
  return lines
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)] as const;
    });
}
