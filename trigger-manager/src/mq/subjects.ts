/** Whether some subject falls under both patterns; `*` is one token, a `>` at the end one or more. */
export function subjectsOverlap(one: string, other: string): boolean {
  const [a, b] = [one.split("."), other.split(".")];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [left, right] = [a[i], b[i]];
    if (left === undefined || right === undefined) return false;
    if (left === ">" || right === ">") return true;
    if (left !== right && left !== "*" && right !== "*") return false;
  }
  return true;
}

/** Whether every subject under `inner` falls under `outer` as well. */
export function subjectWithin(inner: string, outer: string): boolean {
  const [a, b] = [inner.split("."), outer.split(".")];
  for (const [i, token] of b.entries()) {
    const given = a[i];
    if (given === undefined) return false;
    if (token === ">") return true;
    if (given === ">" || (token !== "*" && token !== given)) return false;
  }
  return a.length === b.length;
}
