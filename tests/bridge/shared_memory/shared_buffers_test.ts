import assert from "node:assert/strict";
import type { HostMessage, SharedBuffer, ValueInit } from "../../../src/bridge/gen/link.js";
import { type CallListener, Link, Slab, Value } from "../../../src/bridge/mod.ts";
import { FakeCarrier } from "../../fixtures/fakes/fake_carrier.ts";
import { microtasks } from "../../fixtures/until.ts";

const PAGE = 4096;
const MIN_BYTES = 1_000;

interface SetUp {
  readonly link: Link;
  readonly carrier: FakeCarrier;
  readonly slab: Slab;
  readonly closed: string[];
  /** The worker's reads and writes in shared memory. */
  see(place: SharedBuffer | undefined): Uint8Array;
  put(offset: number, bytes: Uint8Array): void;
}

/** Runs a test with a link that shares a slab, which still has its names. */
async function withLink(run: (it: SetUp) => Promise<void> | void, bytes = 8 * PAGE): Promise<void> {
  const directory = Deno.makeTempDirSync();
  try {
    using slab = Slab.create(directory, "w1", bytes);
    const { link, carrier, closed } = makeLink();
    link.share(slab, MIN_BYTES);
    await run({
      link,
      carrier,
      slab,
      closed,
      see: (place) => {
        const offset = place?.offset ?? 0;
        return Deno.readFileSync(slab.paths.toWorker).slice(offset, offset + (place?.length ?? 0));
      },
      put: (offset, data) => {
        using file = Deno.openSync(slab.paths.toHost, { write: true });
        file.seekSync(offset, Deno.SeekMode.Start);
        file.writeSync(data);
      },
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function makeLink(): Pick<SetUp, "link" | "carrier" | "closed"> {
  const carrier = new FakeCarrier();
  const closed: string[] = [];
  const hello = {
    protocolVersion: 1,
    workerId: "default-1",
    token: "t",
    pid: 7,
    pythonVersion: "3.11.0",
    packageVersion: "0.1.0",
    device: "",
  };
  const link = new Link(hello, carrier, {
    onLog: () => {},
    onClosed: (reason) => closed.push(reason),
  });
  return { link, carrier, closed };
}

function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 251);
}

/** Sends a call and returns its arguments as they were sent. */
async function send(
  { link, carrier }: Pick<SetUp, "link" | "carrier">,
  args: Value,
  listener: Partial<CallListener> = {},
): Promise<NonNullable<NonNullable<HostMessage["call"]>["args"]> & { id: number }> {
  const id = link.call({
    tool: "t",
    args,
    timeoutMs: 0,
    stream: true,
    windowBytes: 0,
    sessionId: "",
    requestId: "",
  }, {
    onResult: () => {},
    onFailure: () => {},
    onChunk: () => {},
    onProgress: () => {},
    onRecalled: () => {},
    ...listener,
  });
  await microtasks();
  const sent = carrier.sent.find((it) => it.call?.id === id)?.call?.args;
  assert.ok(sent);
  return { ...sent, id };
}

function lengths(buffers: readonly Uint8Array[]): number[] {
  return buffers.map((it) => it.byteLength);
}

/** Returns a value with one buffer in shared memory. */
function shared(offset: number, length: number, index = 0): ValueInit {
  const json = new TextEncoder().encode('{"$snakeden":"bytes","buffer":0}');
  return { json, tagged: true, buffers: [new Uint8Array(0)], shared: [{ index, offset, length }] };
}

function releases(carrier: FakeCarrier): number[][] {
  return carrier.sent.flatMap(({ release }) => release ? [release.offsets] : []);
}

Deno.test("Link.call() puts large buffers into shared memory and small ones into the frame", async () => {
  await withLink(async (it) => {
    const [small, large, edge] = [pattern(MIN_BYTES - 1), pattern(PAGE + 1, 2), pattern(MIN_BYTES)];
    const args = Value.from({ small, large, edge });
    const sent = await send(it, args);
    assert.deepStrictEqual(lengths(sent.buffers), [MIN_BYTES - 1, 0, 0]);
    assert.deepStrictEqual(sent.shared.map((it) => [it.index, it.offset, it.length]), [
      [1, 0, PAGE + 1],
      [2, 2 * PAGE, MIN_BYTES],
    ]);
    assert.deepStrictEqual(sent.shared.map(it.see), [large, edge]);
    assert.deepStrictEqual(args.decode(), { small, large, edge });
  });
});

Deno.test("Link.call() sends a buffer in the frame if there is no room, and reuses a released place", async () => {
  await withLink(async (it) => {
    const args = Value.from(pattern(PAGE));
    const first = await send(it, args);
    const second = await send(it, args);
    assert.deepStrictEqual([first, second].map(({ shared }) => shared.length), [1, 0]);
    assert.deepStrictEqual(Uint8Array.from(second.buffers[0] ?? []), pattern(PAGE));
    assert.equal(it.link.sharedInUse, 1);
    it.carrier.deliver({ release: { offsets: [0, 77] } });
    assert.equal(it.link.sharedInUse, 0);
    assert.equal((await send(it, args)).shared.length, 1);
  }, PAGE);
});

Deno.test("Link.call() does not count shared buffers when it cuts frames", async () => {
  await withLink(async (it) => {
    const args = Value.from(pattern(1 << 20));
    const ids = [1, 2, 3].map(() => void send(it, args));
    await microtasks();
    assert.deepStrictEqual(it.carrier.frames.map((frame) => frame.length), [ids.length]);
  }, 8 << 20);
});

Deno.test("Link.call() sends the same value through each link's own memory", async () => {
  const args = Value.from({ a: pattern(PAGE, 3) });
  for (const _ of [1, 2]) {
    await withLink(async (it) => {
      const { shared } = await send(it, args);
      assert.deepStrictEqual(it.see(shared[0]), pattern(PAGE, 3));
    });
  }
  const sent = await send(makeLink(), args);
  assert.deepStrictEqual([sent.shared.length, lengths(sent.buffers)], [0, [PAGE]]);
});

Deno.test("Link reads shared buffers before it passes a value on, and releases them", async () => {
  await withLink(async (it) => {
    const heard: unknown[] = [];
    const { id } = await send(it, Value.from({}), {
      onChunk: (value) => heard.push(value.decode(), value.weight),
      onProgress: (value) => heard.push(value.decode()),
      onResult: (value) => heard.push(value.decode()),
    });
    it.put(0, pattern(PAGE, 1));
    it.put(PAGE, pattern(10, 2));
    it.put(2 * PAGE, pattern(10, 3));
    it.carrier.deliver(
      { chunk: { id, value: shared(0, PAGE) } },
      { progress: { id, value: shared(PAGE, 10) } },
      { result: { id, value: shared(2 * PAGE, 10), runMs: 1 } },
    );
    it.put(0, pattern(3 * PAGE, 9));
    assert.deepStrictEqual(heard, [
      pattern(PAGE, 1),
      PAGE + '{"$snakeden":"bytes","buffer":0}'.length + 64,
      pattern(10, 2),
      pattern(10, 3),
    ]);
    await microtasks();
    assert.deepStrictEqual(releases(it.carrier), [[0], [PAGE], [2 * PAGE]]);
  });
});

Deno.test("Link releases the shared buffers of progress that came after the answer", async () => {
  await withLink(async (it) => {
    const { id } = await send(it, Value.from({}));
    it.carrier.deliver(
      { result: { id, runMs: 1 } },
      { progress: { id, value: shared(0, 10) } },
    );
    await microtasks();
    assert.deepStrictEqual(releases(it.carrier), [[0]]);
    assert.deepStrictEqual(it.closed, []);
  });
});

Deno.test("Link ends on an invalid shared buffer", async () => {
  const bad: [ValueInit, RegExp][] = [
    [shared(8 * PAGE, 1), /1 bytes at 32768 of shared memory that ends at 32768$/],
    [
      {
        ...shared(0, 5 * PAGE),
        buffers: [new Uint8Array(), new Uint8Array()],
        shared: [0, 1].map((index) => ({ index, offset: 0, length: 5 * PAGE })),
      },
      /its shared buffers take 40960 bytes, the shared memory has 32768$/,
    ],
    [shared(0, 10, 1), /entry 1 of 1 is not a shared buffer$/],
    [{ ...shared(0, 10), buffers: [pattern(1)] }, /entry 0 of 1 is not a shared buffer$/],
  ];
  for (const [value, reason] of bad) {
    await withLink(async (it) => {
      const heard: string[] = [];
      const { id } = await send(it, Value.from({}), { onResult: () => heard.push("result") });
      it.carrier.deliver(
        { result: { id, value, runMs: 1 } },
        { release: { offsets: [0] } },
      );
      assert.deepStrictEqual([heard, it.closed.length, it.carrier.closed], [[], 1, true]);
      assert.match(it.closed[0] ?? "", /^a buffer of the worker cannot be read: Cannot read /);
      assert.match(it.closed[0] ?? "", reason);
    });
  }
});

Deno.test("Link ends on a shared buffer if it shares no memory", async () => {
  const it = makeLink();
  const { id } = await send(it, Value.from({}));
  it.carrier.deliver({ result: { id, value: shared(0, 10), runMs: 1 } });
  assert.deepStrictEqual(it.closed, [
    "a buffer of the worker cannot be read: there is no shared memory",
  ]);
});

Deno.test("Link disposes its slab when it closes, or at once if it is closed", async () => {
  for (const order of ["share first", "close first"] as const) {
    await withLink((it) => {
      const { link, carrier } = order === "share first" ? it : makeLink();
      carrier.end();
      if (order === "close first") link.share(it.slab, MIN_BYTES);
      assert.throws(() => Deno.statSync(it.slab.paths.toWorker), Deno.errors.NotFound);
      assert.throws(() => it.slab.write(pattern(1)), Deno.errors.BadResource);
      assert.equal(link.sharedInUse, 0);
    });
  }
});
