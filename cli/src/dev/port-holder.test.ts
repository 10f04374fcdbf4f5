import { expect, test } from "vitest";
import { listeningInodes } from "./port-holder.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 111 1 0000000000000000 100
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 222 1 0000000000000000 20
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0000000000000000 100
`;

test("of a table of connections only those that listen on the port", () => {
  expect(listeningInodes(TABLE, 8080)).toEqual(["111"]);
  expect(listeningInodes(TABLE, 80)).toEqual(["333"]);
  expect(listeningInodes(TABLE, 1)).toEqual([]);
});
