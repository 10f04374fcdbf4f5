const WORD = /[\p{L}\p{N}]+/gu;

/** Runs of letters and digits of any script. */
export function wordsOf(text: string): string[] {
  return text.match(WORD) ?? [];
}

/** The words of a text, in lower case. */
export function tokensOf(text: string): string[] {
  return wordsOf(text.normalize("NFKC").toLowerCase());
}
