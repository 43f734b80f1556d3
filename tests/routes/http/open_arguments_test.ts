import assert from "node:assert/strict";
import { OpenArguments } from "../../../src/routes/http/mod.ts";

const BUSY = { code: "server_busy", details: { maxArgumentsBytes: 100_000 } };

Deno.test("OpenArguments.hold() refuses more bytes than are allowed, until room is released", () => {
  const args = new OpenArguments({ maxArgumentsBytes: 100_000 });
  const room = args.hold(60_000);
  assert.throws(() => args.hold(60_000), BUSY);
  args.hold(40_000)[Symbol.dispose]();
  room[Symbol.dispose]();
  args.hold(60_000);
});

Deno.test("OpenArguments.hold() accepts a single call of any size, and small ones always", () => {
  const args = new OpenArguments({ maxArgumentsBytes: 100_000 });
  args.hold(1_000_000);
  for (let i = 0; i < 100; i++) args.hold(16 * 1024);
  assert.throws(() => args.hold(16 * 1024 + 1), BUSY);
});

async function* counter(): AsyncGenerator<number> {
  yield 1;
  yield 2;
}

for (const leaves of [false, true]) {
  const title = leaves ? "when the reader leaves" : "at the end of the events";
  Deno.test(`OpenArguments.during() releases the room ${title}`, async () => {
    const args = new OpenArguments({ maxArgumentsBytes: 100_000 });
    const seen: number[] = [];
    for await (const event of args.during(60_000, counter)) {
      assert.throws(() => args.during(60_000, counter), BUSY);
      seen.push(event);
      if (leaves) break;
    }
    assert.deepEqual(seen, leaves ? [1] : [1, 2]);
    args.hold(60_000);
  });
}

Deno.test("OpenArguments.during() releases the room when the call cannot begin", async () => {
  const args = new OpenArguments({ maxArgumentsBytes: 100_000 });
  const refuse = (): AsyncIterable<number> => {
    throw new Error("full");
  };
  await assert.rejects(async () => {
    for await (const _ of args.during(60_000, refuse));
  }, /full/);
  args.hold(60_000);
});
