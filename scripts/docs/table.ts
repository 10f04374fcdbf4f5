/** A Markdown table; cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

export function code(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

/** Replaces what stands between `<!-- generated: NAME -->` and `<!-- end -->`. */
export function fill(page: string, parts: Readonly<Record<string, string>>): string {
  return page.replaceAll(
    /(<!-- generated: ([a-z-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open: string, name: string, close: string) => {
      const part = parts[name];
      if (part === undefined) throw new Error(`nothing generates the part ${name}`);
      return `${open}\n${part}\n\n${close}`;
    },
  );
}
