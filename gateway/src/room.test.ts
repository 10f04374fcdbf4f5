import { expect, it } from "vitest";
import { createRoom } from "./room.ts";

const MIB = 1024 * 1024;

/** A disk in pieces of one MiB. */
function diskOf(blocks: number, free: number) {
  const disk = { bsize: MIB, blocks, bavail: free };
  return { disk, room: createRoom(() => Promise.resolve(disk)) };
}

async function* pieces(count: number, onPiece: () => void = () => {}): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    onPiece();
    yield new Uint8Array(MIB);
  }
}

async function count(source: AsyncIterable<Uint8Array>): Promise<number> {
  let got = 0;
  for await (const piece of source) got += piece.length / MIB;
  return got;
}

it("what is stored passes while there is room", async () => {
  expect(await count(diskOf(100_000, 600).room.within(pieces(40)))).toBe(40);
  expect(await count(diskOf(1000, 51).room.within(pieces(1)))).toBe(1);
  expect(await count(diskOf(1000, 0).room.within(pieces(0)))).toBe(0);
});

it("the reserve is not given away, on a large disk and on a small one", async () => {
  await expect(count(diskOf(100_000, 511).room.within(pieces(1)))).rejects.toMatchObject({
    code: "storage_full",
  });
  await expect(count(diskOf(1000, 49).room.within(pieces(1)))).rejects.toMatchObject({
    code: "storage_full",
  });
});

it("an upload that fills the disk on its way ends before the reserve is gone", async () => {
  const { disk, room } = diskOf(100_000, 600);
  let sent = 0;
  const source = pieces(1000, () => {
    sent++;
    disk.bavail--;
  });
  await expect(count(room.within(source))).rejects.toMatchObject({ code: "storage_full" });
  expect(sent).toBeLessThan(150);
});
