/** Whether `text` matches a glob pattern as Redis has them: `*`, `?`, `[a-c]`, `[^x]`, and `\` before a literal. */
export function matchesGlob(pattern: string, text: string): boolean {
  return toRegExp(pattern).test(text);
}

function toRegExp(pattern: string): RegExp {
  let source = "";
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i] ?? "";
    const end = character === "[" ? pattern.indexOf("]", i + 1) : -1;
    if (character === "*") source += ".*";
    else if (character === "?") source += ".";
    else if (end !== -1) {
      const inside = pattern.slice(i + 1, end);
      const negated = inside.startsWith("^");
      source += `[${negated ? "^" : ""}${(negated ? inside.slice(1) : inside).replaceAll(/[\\[\]^]/g, String.raw`\$&`)}]`;
      i = end;
    } else if (character === "\\" && i + 1 < pattern.length) source += escape(pattern[++i] ?? "");
    else source += escape(character);
  }
  return new RegExp(`^${source}$`, "s");
}

function escape(character: string): string {
  return character.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}
