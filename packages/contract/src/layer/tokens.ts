const WORD = /[\p{L}\p{N}]+/gu;

/** The words of a text, in lower case: runs of letters and digits of any script. */
export function tokensOf(text: string): string[] {
  return text.normalize("NFKC").toLowerCase().match(WORD) ?? [];
}
