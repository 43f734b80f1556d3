/** Input streams of the client against hosts that are not there, refuse, or leave early. */
import assert from "node:assert/strict";
import { SnakedenError } from "../../src/errors.ts";
import { clientOf, deadUrl, events, fakeHost, problem, result } from "./fake_host.ts";

/** A source that notes its end. */
interface Source extends AsyncGenerator<unknown> {
  readonly state: { taken: number; closed: boolean };
}

function source(items: Iterable<unknown>): Source {
  const state = { taken: 0, closed: false };
  async function* run(): AsyncGenerator<unknown> {
    try {
      for (const it of items) {
        state.taken++;
        yield await Promise.resolve(it);
      }
    } finally {
      state.closed = true;
    }
  }
  return Object.assign(run(), { state });
}

function* forever(): Generator<number> {
  for (let n = 0;; n++) yield n;
}

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

Deno.test("an input stream is the body, and all else is in the query", async () => {
  const bodies: string[] = [];
  await using host = fakeHost(async (request) => {
    bodies.push(await request.text());
    return result(1);
  });
  await using client = clientOf([`${host.url}/behind`]);
  const options = { timeoutMs: 500, sessionId: "s", idempotent: false, requestId: "r" };
  const rest = { start: 2n ** 60n, text: "a&b=ü" };
  assert.equal(await client.execute("sum", { ...rest, n: source([1, "a\n"]) }, options), 1);
  const [request] = host.requests;
  const url = new URL(request?.url ?? "");
  assert.equal(url.pathname, "/behind/v1/execute");
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    timeoutMs: "500",
    sessionId: "s",
    idempotent: "false",
    args: '{"start":{"$snakeden":"int","value":"1152921504606846976"},"text":"a&b=ü"}',
    tool: "sum",
    input: "n",
  });
  assert.equal(request?.headers.get("content-type"), "application/x-ndjson");
  assert.equal(request?.headers.get("x-request-id"), "r");
  assert.deepEqual(bodies, ['1\n"a\\n"\n']);
});

Deno.test("an input stream goes to the next host with its first items, if one cannot be reached or refuses", async () => {
  const bodies: string[] = [];
  await using busy = fakeHost(() => problem(503, "server_busy"));
  await using good = fakeHost(async (request) => {
    bodies.push(await request.text());
    return result(1);
  });
  await using client = clientOf([deadUrl(), busy.url, good.url]);
  const items = source([1, 2, 3]);
  assert.equal(await client.execute("x", { items }), 1);
  assert.deepEqual(bodies, ["1\n2\n3\n"]);
  const bytes = new Blob(["ab"]).stream();
  assert.equal(await client.execute("x", { bytes }), 1);
  assert.equal(bodies[1], "ab");
});

Deno.test("an input stream of which much was sent goes to no other host", async () => {
  await using first = fakeHost(async (request) => {
    let length = 0;
    for await (const part of request.body ?? []) if ((length += part.length) > 2 ** 20) break;
    return problem(503, "server_busy");
  });
  await using second = fakeHost(() => result(1));
  await using client = clientOf([first.url, second.url]);
  const items = source(forever());
  const error = await errorOf(client.execute("x", { items }));
  assert.ok(["server_busy", "connection_lost"].includes(error.code), error.code);
  assert.equal(second.requests.length, 0);
  assert.equal(items.state.closed, true);
});

Deno.test("a source is closed, and its pending item awaited by nobody, however the call ends", async (t) => {
  const hanging = (): { items: AsyncIterableIterator<unknown>; closed: () => number } => {
    let closed = 0;
    const items = {
      next: () => new Promise<never>(() => {}),
      return: () => (closed++, new Promise<never>(() => {})),
      [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
        return this;
      },
    };
    return { items, closed: () => closed };
  };
  await t.step("a result before the end of the items", async () => {
    await using host = fakeHost(() => result(1));
    await using client = clientOf([host.url]);
    const { items, closed } = hanging();
    assert.equal(await client.execute("x", { items }), 1);
    assert.equal(closed(), 1);
  });
  await t.step("an error of the host", async () => {
    await using host = fakeHost(() => problem(404, "unknown_tool"));
    await using client = clientOf([host.url]);
    const { items, closed } = hanging();
    assert.equal((await errorOf(client.execute("x", { items }))).code, "unknown_tool");
    assert.equal(closed(), 1);
  });
  await t.step("no host", async () => {
    await using client = clientOf([deadUrl()]);
    const { items, closed } = hanging();
    assert.equal((await errorOf(client.execute("x", { items }))).code, "host_unreachable");
    assert.equal(closed(), 1);
  });
  await t.step("a stream that breaks, and one that the reader leaves", async () => {
    await using host = fakeHost(() => events("event: chunk\ndata: 0\n\n", "breaks"));
    await using client = clientOf([host.url]);
    for (const leaves of [true, false]) {
      const { items, closed } = hanging();
      const error = await (async () => {
        for await (const _ of client.stream("x", { items })) if (leaves) return;
      })().then(() => undefined, (it) => it);
      assert.equal(error?.code, leaves ? undefined : "connection_lost");
      assert.equal(closed(), 1);
    }
  });
  await t.step("a signal while the first item of a ReadableStream is awaited", async () => {
    await using client = clientOf([deadUrl()]);
    const controller = new AbortController();
    let reason: unknown;
    const items = new ReadableStream({ cancel: (it) => void (reason = [it]) });
    const call = client.execute("x", { items }, { signal: controller.signal });
    const failed = assert.rejects(call, { message: "enough" });
    controller.abort(new Error("enough"));
    await failed;
    assert.deepEqual(reason, [undefined]);
    assert.equal(items.locked, true);
  });
  await t.step("a call that was never made", async () => {
    await using client = clientOf([deadUrl()]);
    const items = source([1]);
    const stream = client.stream("x", { items });
    assert.equal(items.state.taken, 0);
    await assert.rejects(client.execute("x", { items }, { signal: AbortSignal.abort(stream) }));
    assert.equal(items.state.taken, 0);
  });
});

Deno.test("an error of the source wins over the failed request, also if it is undefined", async () => {
  await using host = fakeHost(async (request) => {
    await request.text().catch(() => {});
    return problem(400, "request_incomplete");
  });
  await using client = clientOf([host.url]);
  for (const thrown of [new RangeError("of the source"), "text", undefined]) {
    const failing = async function* (): AsyncGenerator<number> {
      yield await Promise.resolve(1);
      throw thrown;
    };
    for (const items of [failing(), ReadableStream.from(failing())]) {
      const calls = [
        () => client.execute("x", { items }),
        async () => {
          for await (const _ of client.stream("x", { items: failing() }));
        },
      ];
      for (const call of calls) {
        const caught = await call().then(() => "nothing", (it) => ({ it }));
        assert.deepEqual(caught, { it: thrown });
      }
    }
  }
});

Deno.test("several streams, one inside a value, and arguments too long for an address are refused", async () => {
  await using client = clientOf([deadUrl()]);
  const cases = [
    [
      { a: source([]), b: source([]) },
      /args\.b: a second input stream beside args\.a; allowed: one/,
    ],
    [{ a: { rows: [source([])] } }, /args\.a\.rows\[0\]: an input stream inside another value/],
    [{ a: { [Symbol.asyncIterator]: () => source([]), b: 1 }, c: source([]) }, /args\.c: a second/],
    [{ a: [{ [Symbol.asyncIterator]: () => source([]) }] }, /args\.a\[0\]: an input stream inside/],
    [{ a: source([]), b: "x".repeat(60_000) }, /args: the arguments .* take 60\d+ characters/],
  ] as const;
  for (const [args, text] of cases) {
    for (
      const call of [
        () => client.execute("x", args),
        () => Promise.resolve(client.stream("x", args).result),
      ]
    ) {
      const error = await errorOf(call());
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, text);
    }
  }
});

Deno.test("what is no byte in a stream of bytes is named", async () => {
  await using host = fakeHost(async (request) => {
    await request.text().catch(() => {});
    return result(1);
  });
  await using client = clientOf([host.url]);
  const items = ReadableStream.from([new Uint8Array(2), new Uint8Array(), "text"]);
  const error = await errorOf(client.execute("x", { items }));
  assert.equal(error.code, "invalid_value");
  assert.match(error.message, /args\.items\[2\]: given string after bytes/);
});

Deno.test("a runtime that sends no streams refuses them, and a browser does so without TLS", async () => {
  await using client = clientOf(["http://h"]);
  const agent = Object.getOwnPropertyDescriptor(globalThis, "navigator");
  try {
    const value = { userAgent: "Mozilla/5.0" };
    Object.defineProperty(globalThis, "navigator", { value, configurable: true });
    const error = await errorOf(client.execute("x", { items: source([]) }));
    assert.equal(error.code, "not_implemented");
    assert.match(error.message, /args\.items: a browser sends streams over HTTP\/2 only/);
  } finally {
    if (agent !== undefined) Object.defineProperty(globalThis, "navigator", agent);
  }
  const { Request } = globalThis;
  try {
    globalThis.Request = class extends Request {
      constructor(url: string, init: RequestInit) {
        super(url, { ...init, body: String(init.body) });
      }
    } as typeof Request;
    const error = await errorOf(client.execute("x", { items: source([]) }));
    assert.match(error.message, /fetch of this runtime does not send streams/);
  } finally {
    globalThis.Request = Request;
  }
});
