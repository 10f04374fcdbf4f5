/** Loaded before a program (`node --import`): its clock goes wrong by CLOCK_SHIFT_DAYS. */
const shiftMs = Number(process.env["CLOCK_SHIFT_DAYS"] ?? 0) * 86_400_000;
const TrueDate = Date;

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args: [], own) =>
    Reflect.construct(target, args.length === 0 ? [TrueDate.now() + shiftMs] : args, own) as Date,
  get: (target, name) => (name === "now" ? () => TrueDate.now() + shiftMs : Reflect.get(target, name)),
});
