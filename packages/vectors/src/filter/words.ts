import { type FuzzyOptions, tokensOf, wordsOf } from "@hanzo-fn/contract/layer";

type Words = (words: readonly string[]) => boolean;

const isIn = (words: readonly string[], token: string, asPrefix: boolean): boolean =>
  words.some((word) => (asPrefix ? word.startsWith(token) : word === token));

/** Whether all of the tokens are among the words; where told, the last as the beginning of one. */
export function allTokens(tokens: readonly string[], lastAsPrefix: boolean): Words {
  return (words) => tokens.every((token, i) => isIn(words, token, lastAsPrefix && i === tokens.length - 1));
}

export function anyToken(tokens: readonly string[], lastAsPrefix: boolean): Words {
  return (words) => tokens.some((token, i) => isIn(words, token, lastAsPrefix && i === tokens.length - 1));
}

/** Whether the tokens follow each other among the words. */
export function tokenSequence(tokens: readonly string[]): Words {
  return (words) => words.some((_, from) => tokens.every((token, i) => words[from + i] === token));
}

/** Whether each word of `wanted` has one in the text that is few enough edits away. */
export function fuzzyWords(
  wanted: string,
  { maxEditDistance, caseSensitive }: FuzzyOptions,
): (text: string) => boolean {
  const split = caseSensitive ? wordsOf : tokensOf;
  const looked = split(wanted).map((word) => ({
    word,
    distance: maxEditDistance.find(({ minQueryChars }) => word.length >= minQueryChars)?.distance ?? 0,
  }));
  return (text) => {
    const words = split(text);
    return (
      looked.length > 0 &&
      looked.every(({ word, distance }) => words.some((one) => isNear(word, one, distance)))
    );
  };
}

/** Whether at most `limit` characters have to be inserted, deleted or replaced to turn one word into the other. */
function isNear(a: string, b: string, limit: number): boolean {
  if (Math.abs(a.length - b.length) > limit) return false;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    if (Math.min(...next) > limit) return false;
    row = next;
  }
  return (row[b.length] ?? 0) <= limit;
}
