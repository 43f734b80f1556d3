import assert from "node:assert/strict";
import { BodyBytes } from "../../../../src/routes/calls/input/body_bytes.ts";
import { until } from "../../../fixtures/until.ts";

const MIB = 1024 * 1024;

/** A body of zeros that always has more, and the rooms of the reads from it. */
function endless(most = Infinity): { body: ReadableStream<Uint8Array>; rooms: number[] } {
  const rooms: number[] = [];
  const body = new ReadableStream({
    type: "bytes",
    pull(controller: ReadableByteStreamController): void {
      const request = controller.byobRequest;
      const length = request?.view?.byteLength ?? 0;
      rooms.push(length);
      request?.respond(Math.min(length, most));
    },
  });
  return { body, rooms };
}

Deno.test("BodyBytes reads a body of announced length once each time that it is told to", async () => {
  for (const isDuplex of [false, true]) {
    const { body, rooms } = endless(65_536);
    const bytes = new BodyBytes(body, { isMeasured: true, isDuplex });
    assert.equal(rooms.length, 0);
    for (let reads = 1; reads <= 3; reads++) {
      await bytes.read();
      assert.equal(rooms.length, reads);
      assert.equal(bytes.take(bytes.length).byteLength, 65_536);
    }
    await bytes.cancel();
  }
});

Deno.test("BodyBytes doubles the room of its reads while they fill it, up to a bound", async () => {
  const { body, rooms } = endless();
  const bytes = new BodyBytes(body, { isMeasured: true, isDuplex: true });
  for (let i = 0; i < 10; i++) {
    await bytes.read();
    bytes.take(bytes.length);
  }
  const first = 65_600;
  const doubled = [1, 2, 4, 8, 16, 32, 64, 64, 64, 64].map((it) => it * first);
  assert.deepEqual(rooms, doubled);
  await bytes.cancel();
});

Deno.test("BodyBytes reads a body in chunks until nothing more is there", async () => {
  let left = 40;
  let waits = 0;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller: ReadableByteStreamController): void | Promise<void> {
      if (left-- > 0) return controller.byobRequest?.respond(1_000);
      waits++;
      return new Promise(() => {});
    },
  });
  const bytes = new BodyBytes(body, { isMeasured: false, isDuplex: false });
  await bytes.read();
  await until(() => waits === 1, "all that is there to be read");
  assert.equal(bytes.length, 40_000);
  await bytes.cancel();
});

Deno.test("BodyBytes reads a body in chunks ahead, up to 64 MiB", async () => {
  for (const isDuplex of [false, true]) {
    const { body, rooms } = endless(65_536);
    const bytes = new BodyBytes(body, { isMeasured: false, isDuplex });
    await bytes.read();
    await until(() => bytes.length >= 64 * MIB, "it to read ahead");
    assert.deepEqual(rooms.slice(0, 6), [4_096, 4_096, 4_096, 4_096, 65_600, 65_600]);
    assert.deepEqual(new Set(rooms.slice(4)), new Set([65_600]));
    bytes.take(MIB);
    // One whose answer may have begun is read on, any other one when it is told to.
    if (isDuplex) await until(() => bytes.length >= 64 * MIB, "it to go on");
    else assert.equal(Math.floor(bytes.length / MIB), 63);
    await bytes.cancel();
  }
});

Deno.test("BodyBytes keeps the room of its reads small while chunks are small", async () => {
  const { body, rooms } = endless(4_095);
  const bytes = new BodyBytes(body, { isMeasured: false, isDuplex: false });
  await bytes.read();
  await until(() => rooms.length > 100, "many reads");
  assert.deepEqual(new Set(rooms), new Set([4_096]));
  await bytes.cancel();
});

Deno.test("BodyBytes gives the bytes before the place where a body breaks off", async () => {
  let pulls = 0;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller: ReadableByteStreamController): void {
      if (pulls++ === 2) throw new Error("gone");
      controller.byobRequest?.respond(500);
    },
  });
  const bytes = new BodyBytes(body, { isMeasured: false, isDuplex: false });
  await bytes.read();
  await until(() => pulls === 3, "the end");
  assert.equal(bytes.take(bytes.length).byteLength, 1_000);
  assert.equal(bytes.isOver, false);
  await assert.rejects(bytes.read(), { code: "request_incomplete" });
  assert.equal(bytes.isOver, true);
});
