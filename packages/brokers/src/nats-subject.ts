/** Whether a subject falls under a pattern, where `*` is one token and a `>` at the end is one or more. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split("."), subject.split(".")];
  for (const [i, token] of wanted.entries()) {
    if (token === ">") return given.length > i;
    if (i >= given.length || (token !== "*" && token !== given[i])) return false;
  }
  return wanted.length === given.length;
}
