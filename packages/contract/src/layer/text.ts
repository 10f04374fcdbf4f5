/** A text as a row keeps it: PostgreSQL's has no NUL, and JSON's no lone surrogate. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\u{FFFD}");
}
