/** Makes the `Date` line of an answer (RFC 9110, 6.6.1), formatting each second once. */
export function createDateLine(): (nowMs: number) => string {
  let second = -1;
  let line = "";
  return (nowMs) => {
    const now = Math.floor(nowMs / 1000);
    if (now !== second) {
      second = now;
      line = `Date: ${new Date(now * 1000).toUTCString()}\r\n`;
    }
    return line;
  };
}
