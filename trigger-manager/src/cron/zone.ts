/** The clock of a zone is set to another offset. Offsets are local time less UTC, in milliseconds. */
export interface Shift {
  /** The first moment of the new offset, in milliseconds since the epoch. */
  readonly at: number;
  readonly before: number;
  readonly after: number;
}

/** The local clock of an IANA zone, by the ICU data of this Node. */
export interface Zone {
  readonly name: string;
  /** Local time less UTC at `at`, in milliseconds. */
  offsetAt(at: number): number;
  /**
   * The shift in (from, to]. The two may lie days apart, not months: shifts that undo each other in between are not
   * seen, and of several one is found.
   */
  shiftBetween(from: number, to: number): Shift | undefined;
}

const SECOND_MS = 1000;

/** `GMT`, `GMT+05:45` or `GMT-00:44:30` at the end of what Intl prints for `longOffset`. */
function parseOffset(text: string): number {
  const [, sign, hours = "0", minutes = "0", seconds = "0"] =
    /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text) ?? [];
  const total = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return (sign === "-" ? -total : total) * SECOND_MS;
}

/** Throws a RangeError for a name that is no zone. */
export function createZone(name: string): Zone {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: name,
    year: "numeric",
    timeZoneName: "longOffset",
  });
  const offsetAt = (at: number): number => parseOffset(format.format(at));
  return {
    name,
    offsetAt,
    shiftBetween(from, to) {
      const before = offsetAt(from);
      const after = offsetAt(to);
      if (before === after) return undefined;
      // Clocks are set at whole seconds.
      let low = Math.floor(from / SECOND_MS);
      let high = Math.floor(to / SECOND_MS);
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (offsetAt(middle * SECOND_MS) === before) low = middle;
        else high = middle;
      }
      return { at: high * SECOND_MS, before, after: offsetAt(high * SECOND_MS) };
    },
  };
}
