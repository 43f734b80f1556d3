/** Tests that real tools read what a program sends to them piece by piece, on both carriers. */
import assert from "node:assert/strict";
import { defineTool, NdArray, PythonError, SnakedenError } from "../../mod.ts";
import { InvalidInputError } from "../../src/errors.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { nextTurn, until } from "../fixtures/until.ts";

/** A source that counts what is taken of it and how often it is closed. */
class Source<T> implements AsyncIterableIterator<T> {
  taken = 0;
  closed = 0;
  readonly #next: (at: number) => T | Promise<T> | undefined;

  constructor(next: (at: number) => T | Promise<T> | undefined) {
    this.#next = next;
  }

  async next(): Promise<IteratorResult<T>> {
    const item = this.#next(this.taken);
    if (item === undefined) return { done: true, value: undefined };
    const value = await item;
    this.taken++;
    return { done: false, value };
  }

  return(): Promise<IteratorResult<T>> {
    this.closed++;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function upTo(n: number): Source<number> {
  return new Source((at) => at < n ? at : undefined);
}

const endless = (): Source<number> => new Source((at) => at);
const hanging = (): Source<number> =>
  new Source((at) => at === 0 ? 0 : new Promise<number>(() => {}));

function* generated(n: number): Generator<number> {
  for (let i = 0; i < n; i++) yield i;
}

for (const carrier of ["socket", "grpc"] as const) {
  Deno.test(`a tool sums what it is sent piece by piece (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const tools = [
      "total",
      "total_async",
      "total_generator",
      "total_async_generator",
      "total_optional",
      "total_unhinted",
      "total_of_async_hint",
      "on_a_thread",
      "from_threads",
    ];
    for (const tool of tools) {
      assert.equal(await den.execute(tool, { numbers: upTo(5_000) }), 12_497_500, tool);
    }
    assert.equal(await den.execute("total", { numbers: generated(2_500) }), 3_123_750);
    assert.equal(await den.execute("total", { numbers: ReadableStream.from([1, 2, 3]) }), 6);
    assert.equal(await den.execute("total", { numbers: upTo(0) }), 0);
  });

  Deno.test(`a list still fits a parameter that takes a stream (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    for (
      const tool of ["total", "total_async", "total_generator", "total_async_generator"]
    ) assert.equal(await den.execute(tool, { numbers: [1, 2, 3] }), 6, tool);
    assert.equal(await den.execute("total_optional", {}), -1);
  });

  Deno.test(`items keep their values, with buffers of any size (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const items = [
      { a: [1n << 80n, NaN, -0] },
      new Uint8Array([1, 2]),
      new Uint8Array(200_000).fill(7),
      "ü",
      null,
      new Float32Array([1.5]),
      new NdArray("<i4", [1, 2], new Int32Array([3, 4])),
    ];
    for (const tool of ["echo", "echo_async"]) {
      assert.deepEqual(await den.execute(tool, { items: ReadableStream.from(items) }), items);
    }
    const buffer = new Uint8Array(1);
    const reused = new Source((at) => at < 5 ? (buffer.fill(at), buffer) : undefined);
    const expected = [0, 1, 2, 3, 4].map((it) => new Uint8Array([it]));
    assert.deepEqual(await den.execute("echo", { items: reused }), expected);
  });

  Deno.test(`a tool reads several streams, anywhere in its arguments (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const left = upTo(3);
    assert.deepEqual(await den.execute("zipped", { left, right: generated(3) }), [
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    const data = { streams: [upTo(2), generated(3)] };
    assert.deepEqual(await den.execute("nested", { data }), [[0, 1], [0, 1, 2]]);
  });

  Deno.test(`chunks come while the stream still goes on (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    for (const tool of ["echo", "echo_async"]) {
      let give = Promise.withResolvers<string | undefined>();
      const items = (async function* (): AsyncGenerator<string> {
        for (;;) {
          const item = await give.promise;
          give = Promise.withResolvers();
          if (item === undefined) return;
          yield item;
        }
      })();
      const chunks = den.stream<string>(tool, { items })[Symbol.asyncIterator]();
      for (const text of ["a", "b", "c"]) {
        const next = chunks.next();
        give.resolve(text);
        assert.deepEqual(await next, { done: false, value: text });
      }
      const end = chunks.next();
      give.resolve(undefined);
      assert.equal((await end).done, true);
    }
  });

  Deno.test(`the caller gets the error that its source has thrown (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    class OutOfPaper extends Error {}
    const broken = (): Source<number> =>
      new Source((at) => {
        if (at === 3) throw new OutOfPaper("no paper");
        return at;
      });
    for (const [tool, name] of [["total", "numbers"], ["total_async", "numbers"]] as const) {
      const source = broken();
      await assert.rejects(den.execute(tool, { [name]: source }), OutOfPaper, tool);
      assert.equal(source.closed, 0, "a source that has thrown is not closed");
    }
    assert.deepEqual(await den.execute("catches", { items: broken() }), {
      taken: [0, 1, 2],
      code: "input_failed",
      text: "Cannot read args.items after 3 items: its source failed: no paper",
      argument: "args.items",
    });
    await assert.rejects(
      den.execute("raises_from", { items: broken() }),
      (error) => error instanceof PythonError && error.python.type === "ValueError",
    );
    const own = new SnakedenError("store_failed", "Cannot read the rows");
    const failing = new Source<number>(() => Promise.reject(own));
    const caught = await den.execute<Record<string, unknown>>("catches", { items: failing });
    assert.deepEqual([caught["code"], caught["text"]], ["store_failed", "Cannot read the rows"]);
    const { failed, cancelled } = den.pools.list()[0]?.stats ?? {};
    assert.deepEqual([failed, cancelled], [3, 0]);
  });

  Deno.test(`an item that cannot be sent fails at its place (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const source = new Source<unknown>((at) => at === 2 ? { deep: [() => {}] } : at);
    const refused = { code: "invalid_value", details: { path: "args.items[2].deep[0]" } };
    await assert.rejects(den.execute("count", { items: source }), refused);
    assert.equal(source.closed, 1);
    const inner = new Source<unknown>((at) => at === 0 ? upTo(1) : undefined);
    await assert.rejects(den.execute("count", { items: inner }), /args\.items\[0\]: .*only the/);
  });

  Deno.test(`a wrong item is named, and those around it can be read (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const items = (): Source<unknown> =>
      new Source((at) => at === 40 ? undefined : at === 17 ? { x: "a", z: 1 } : { x: at });
    await assert.rejects(den.execute("points", { points: items() }), (error) => {
      assert.ok(error instanceof InvalidInputError);
      assert.equal(error.code, "invalid_arguments");
      assert.deepEqual(error.issues.map((it) => it.path).sort(), [
        "args.points[17].x",
        "args.points[17].z",
      ]);
      return true;
    });
    assert.deepEqual(await den.execute("skips_wrong", { points: items() }), {
      good: 39,
      paths: ["args.points[17].x", "args.points[17].z"],
    });
  });

  Deno.test(`a tool that takes a list refuses a stream (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const numbers = upTo(3);
    await assert.rejects(den.execute("as_list", { numbers }), {
      code: "invalid_arguments",
      message: /args\.numbers: given an input stream, .*Iterator\[/,
    });
    assert.deepEqual([numbers.taken, numbers.closed], [0, 1]);
  });

  Deno.test(`a source is closed once when its call ends in any way (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const ends: Record<string, (items: Source<number>) => Promise<unknown>> = {
      first: (items) => den.execute("first", { items }),
      closes: (items) => den.execute("closes", { items }),
      closes_async: (items) => den.execute("closes_async", { items }),
      ignores: (items) => den.execute("ignores", { items }),
      deadline: (items) => den.execute("count", { items }, { timeoutMs: 300 }),
      leaving: async (items) => {
        for await (const _ of den.stream("echo", { items })) break;
      },
      signal: (items) => den.execute("count", { items }, { signal: AbortSignal.timeout(300) }),
      crash: (items) => den.execute("dies_after", { items, n: 1 }),
    };
    for (const [name, end] of Object.entries(ends)) {
      for (const source of [endless(), hanging()]) {
        await end(source).catch((error) => {
          assert.ok(["deadline", "signal", "crash"].includes(name), `${name}: ${error}`);
        });
        await until(() => source.closed > 0, `the source to be closed: ${name}`);
        assert.equal(source.closed, 1, name);
      }
    }
    assert.deepEqual(await den.execute("closes", { items: endless() }), [0]);
  });

  Deno.test(`a slow tool makes the source pause (${carrier})`, async () => {
    await using dir = await tempDir();
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier }, {
      limits: { streamWindowBytes: 65_536 },
    });
    const path = `${dir.path}/lines`;
    await Deno.writeTextFile(path, "");
    const large = new Source((at) => at < 200 ? "x".repeat(10_000) : undefined);
    const done = den.execute("reads_slowly", { items: large, path });
    // A window in the host, and one on its way. The tool waits for a second line.
    await until(() => large.taken > 7, "items that are read ahead");
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    assert.ok(large.taken < 40, `${large.taken} were taken`);
    await Deno.writeTextFile(path, "x".repeat(200));
    assert.equal(await done, 200);
  });

  Deno.test(`the death of the worker fails the call and closes its source (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const items = endless();
    await assert.rejects(den.execute("dies_after", { items, n: 5_000 }), {
      code: "worker_crashed",
    });
    assert.equal(items.closed, 1);
    assert.equal(await den.execute("total", { numbers: upTo(3) }), 3);
  });

  Deno.test(`a call whose stream was read is never run twice (${carrier})`, async () => {
    await using dir = await tempDir();
    const retry = { attempts: 3, baseMs: 1, codes: ["worker_crashed"] as const };
    for (const policy of [{}, { retry: { ...retry, codes: [...retry.codes] } }]) {
      await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier, ...policy });
      for (const reads of [true, false]) {
        const path = `${dir.path}/${crypto.randomUUID()}`;
        await Deno.writeTextFile(path, "");
        const items = reads ? endless() : upTo(4);
        const result = den.execute("dies_once", { items, path, reads });
        if (reads) await assert.rejects(result, { code: "worker_crashed" });
        else assert.deepEqual(await result, [0, 1, 2, 3]);
        assert.equal(items.closed, reads ? 1 : 0);
      }
    }
  });

  Deno.test(`a plain loop does not block the event loop of an async tool (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    await assert.rejects(den.execute("blocks", { numbers: upTo(3) }), /async for/);
  });

  Deno.test(`each item goes to one of the readers of a stream (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    const all = Array.from({ length: 3_000 }, (_, i) => i);
    for (let round = 0; round < 5; round++) {
      const numbers = round % 2 === 0 ? generated(3_000) : upTo(3_000);
      assert.deepEqual(await den.execute("from_thread_and_task", { numbers }), all);
    }
  });

  Deno.test(`a stream cannot be read after its call has ended (${carrier})`, async () => {
    await using den = await startDen({ adapter: "takes_inputs", size: 1, carrier });
    await den.execute("kept", { items: upTo(3) });
    assert.match(await den.execute<string>("read_kept", {}), /has ended/);
  });
}

Deno.test("the schema of a parameter says that it takes a stream", async () => {
  await using den = await startDen({ adapter: "takes_inputs", size: 1 });
  const schemaOf = (tool: string): unknown => {
    const info = den.tools.list().find((it) => it.name === tool);
    return (info?.inputSchema as { properties: Record<string, unknown> }).properties;
  };
  const numbers = { type: "array", items: { type: "integer" }, "x-snakeden-input": true };
  assert.deepEqual(schemaOf("total"), { numbers });
  assert.deepEqual(schemaOf("total_async"), { numbers });
  const optional = { anyOf: [{ type: "null" }, numbers], default: null };
  const found = (schemaOf("total_optional") as { numbers: { anyOf: unknown[] } }).numbers;
  assert.equal(found.anyOf.length, optional.anyOf.length);
  assert.ok(JSON.stringify(found).includes('"x-snakeden-input":true'));
});

Deno.test("a call that was refused before it was sent has not touched its stream", async () => {
  await using den = await startDen({ adapter: "takes_inputs", size: 1 });
  const numbers = upTo(3);
  await assert.rejects(den.execute("totel", { numbers }), { code: "unknown_tool" });
  await assert.rejects(den.execute("total", { numbers }, { timeoutMs: -1 }), InvalidInputError);
  assert.equal(await den.execute("total", { numbers }), 3);
});

Deno.test("a strict call of a session reads its stream", async () => {
  await using den = await startDen({ adapter: "takes_inputs", size: 1 });
  const options = { sessionId: "s", affinity: "strict_queue" } as const;
  assert.equal(await den.execute("total", { numbers: upTo(4) }, options), 6);
  assert.equal(await den.execute("total", { numbers: upTo(4) }, options), 6);
});

Deno.test("an object literal with an async iterator is a stream, also one without return()", async () => {
  await using den = await startDen({ adapter: "takes_inputs", size: 1 });
  const literal = {
    async *[Symbol.asyncIterator](): AsyncGenerator<number> {
      yield* generated(4);
    },
  };
  assert.equal(await den.execute("total", { numbers: literal }), 6);
  const endings: (() => Promise<never>)[] = [
    () => new Promise(() => {}),
    () => Promise.reject(new Error("no end")),
    () => assert.fail("no end"),
  ];
  for (const end of [undefined, ...endings]) {
    const next = () => Promise.resolve({ done: false, value: 1 });
    const items = { [Symbol.asyncIterator]: () => end ? { next, return: end } : { next } };
    assert.equal(await den.execute("first", { items }), 1);
  }
  for (const thrown of [undefined, null, "text"]) {
    const items = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(thrown) }) };
    const caught = await den.execute("catches", { items }) as { code: string };
    assert.equal(caught.code, "input_failed");
    const failed = await den.execute("count", { items }).then(() => "result", (error) => error);
    assert.equal(failed, thrown);
  }
});

Deno.test("a host tool refuses a stream, and names its place", async () => {
  const list = defineTool({ name: "list", run: (args) => args });
  await using den = await startDen({ adapter: "takes_inputs", size: 1 }, { hostTools: [list] });
  const items = endless();
  const refused = { code: "invalid_arguments", message: /Cannot call list: args\.deep\.items: / };
  await assert.rejects(den.execute("list", { deep: { items } }), refused);
  await assert.rejects(den.stream("list", { deep: { items } }).result, refused);
  assert.deepEqual([items.taken, items.closed], [0, 0]);
});
