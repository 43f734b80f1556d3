/** Calls and jobs that need to know their tool, in pools that have had no worker yet. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobEvent, JobInput, Snakeden } from "snakeden";
import { createApp, Traffic } from "../../src/routes/mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const CODE = `import os
import time
from collections.abc import Generator, Iterator

from snakeden import tool

time.sleep(float(os.environ.get("IMPORT_SECONDS", "0")))


@tool
def count(n: int) -> Iterator[int]:
    """Numbers, one after the other."""
    yield from range(n)


@tool
def counted(n: int) -> Generator[int, None, str]:
    """Numbers, and then a result."""
    yield from range(n)
    return "over"


@tool
def total(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def nothing() -> None:
    """Return nothing."""


@tool
def size(image: bytes, times: int = 1) -> int:
    """Return the length of an image."""
    return len(image) * times


@tool(media_type="image/png")
def draw() -> bytes:
    """Return an image."""
    return b"png"


@tool(media_type="image/png")
def draw_twice() -> Iterator[bytes]:
    """Yield two images."""
    yield from (b"png", b"png")


@tool
def await_file(path: str) -> str:
    """Return a text once a file is there."""
    while not os.path.exists(path):
        time.sleep(0.01)
    return "the result"
`;

type Pool = Parameters<typeof startDen>[0];

interface Place extends AsyncDisposable {
  readonly den: Snakeden;
  readonly path: string;
  /**
   * Changes the code of the pool `default`, which has no worker then. Not to one of the same length
   * in the same second: to Python that is the same code.
   */
  replace(before: string, after: string): Promise<void>;
  /** Calls a tool over HTTP. */
  call(
    body: Readonly<Record<string, unknown>>,
    how: { readonly accept: string; readonly path?: string },
  ): Promise<Response>;
  /** Calls a tool with bytes, or a form, and the fields of the query. */
  upload(query: string, body: BodyInit): Promise<Response>;
}

/** Starts a host with pools that have no worker, and whose tools nobody knows. */
async function atRest(
  pool: Pool = {},
  more: readonly NonNullable<Pool>[] = [],
  options: Parameters<typeof startDen>[1] = {},
): Promise<Place> {
  const dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "unknown.py"), CODE);
  const rest = { name: "default", min: 0, max: 2, adapter: "unknown", modulePaths: [dir.path] };
  const pools = [{}, ...more].map((it) => ({ ...rest, ...pool, ...it }));
  const den = await startDen({}, { pools, ...options });
  assert.deepEqual([den.tools.list(), den.workers.list()], [[], []]);
  const traffic = new Traffic(den.config.limits).start();
  const app = createApp(den, { version: "0.0.0", traffic });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, app.fetch);
  const url = `http://127.0.0.1:${server.addr.port}/v1`;
  return {
    den,
    path: dir.path,
    async replace(before, after): Promise<void> {
      den.pools.cleanIdle("default");
      await until(() => den.workers.list().length === 0, "the pool to be at rest");
      await Deno.writeTextFile(join(dir.path, "unknown.py"), CODE.replace(before, after));
      await den.pools.recycle({ pool: "default" });
    },
    call: (body, { accept, path = "execute" }) =>
      fetch(`${url}/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", accept },
        body: JSON.stringify(body),
      }),
    upload: (query, body) =>
      fetch(`${url}/execute?${query}`, {
        method: "POST",
        headers: body instanceof FormData ? {} : { "content-type": "application/octet-stream" },
        body,
      }),
    async [Symbol.asyncDispose](): Promise<void> {
      await den.stop();
      await server.shutdown();
      traffic[Symbol.dispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** Runs a job, and returns its chunks and its result. */
async function run(den: Snakeden, input: JobInput): Promise<[chunks: unknown[], result: unknown]> {
  const job = await den.jobs.submit(input);
  const events: JobEvent[] = await Array.fromAsync(den.jobs.events(job.id));
  return [events.flatMap((it) => it.type === "chunk" ? [it.value] : []), await job.result()];
}

Deno.test("a job of a pool that has had no worker keeps the chunks of its tool", async () => {
  for (
    const [tool, args, expected] of [
      ["count", { n: 3 }, [[0, 1, 2], [0, 1, 2]]],
      ["count", { n: 0 }, [[], []]],
      ["counted", { n: 1 }, [[0], [0]]],
      ["total", { a: 1, b: 2 }, [[], 3]],
      ["nothing", {}, [[], null]],
    ] as const
  ) {
    await using it = await atRest();
    assert.deepEqual(await run(it.den, { tool, args }), expected, tool);
    assert.deepEqual(await run(it.den, { tool, args }), expected, `${tool}, with a worker`);
  }
});

Deno.test("a job keeps the chunks of a tool that streams since its code was replaced at rest", async () => {
  await using it = await atRest();
  assert.deepEqual(await run(it.den, { tool: "total", args: { a: 1, b: 2 } }), [[], 3]);
  await it.replace("return a + b", "yield from (a, b)");
  const args = { a: 1, b: 2 };
  assert.deepEqual(await run(it.den, { tool: "total", args }), [[1, 2], [1, 2]]);
});

for (
  const [what, after] of [
    ["is removed", "def gone("],
    ["begins to stream", "def await_file(path: str) -> Iterator[str]:\n    yield path\n\ndef no("],
  ] as const
) {
  Deno.test(`a job keeps the result of a tool that ${what} meanwhile`, async () => {
    await using it = await atRest();
    const { den, path } = it;
    const job = await den.jobs.submit({ tool: "await_file", args: { path: join(path, "go") } });
    await until(() => den.workers.list().some(({ state }) => state === "busy"), "the job to run");
    const code = CODE.replace("def await_file(", after);
    await Deno.writeTextFile(join(path, "unknown.py"), code);
    const recycled = den.pools.recycle({ pool: "default" });
    await den.execute("total", { a: 1, b: 2 });
    await Deno.writeTextFile(join(path, "go"), "");
    assert.equal(await job.result(), "the result");
    await recycled;
  });
}

Deno.test("a batch of CSV has the types of its columns in a pool that has had no worker", async () => {
  await using it = await atRest();
  const file = await it.den.files.add(new TextEncoder().encode("a,b\n1,2\n3,4\n"));
  const job = await it.den.jobs.submit({
    kind: "batch",
    tool: "total",
    inputsFile: file.id,
    format: "csv",
  });
  const results = await Array.fromAsync(job.results());
  assert.deepEqual(results.map((it) => "result" in it ? it.result : it.error), [3, 7]);
});

Deno.test("a batch of CSV and an upload have the tool of code that was replaced at rest", async () => {
  await using it = await atRest();
  const { den } = it;
  assert.equal(await den.execute("total", { a: 1, b: 2 }), 3);
  await it.replace("total(a: int, b: int) -> int", 'total(a: str, b: str, c: str = "") -> str');
  const file = await den.files.add(new TextEncoder().encode("a,b\n1,2\n"));
  const batch = { kind: "batch", tool: "total", inputsFile: file.id, format: "csv" } as const;
  const results = await Array.fromAsync((await den.jobs.submit(batch)).results());
  assert.deepEqual(results.map((it) => "result" in it ? it.result : it.error), ["12"]);
  await it.replace("image: bytes, times: int = 1", "times: int, image: bytes");
  const sent = await it.upload('tool=size&args={"times":2}', new Uint8Array(5));
  assert.equal((await sent.json()).result, 10);
});

Deno.test("an upload goes to the parameter that takes bytes, in a pool that has had no worker", async () => {
  await using it = await atRest();
  const sent = await it.upload("tool=size", new Uint8Array(5));
  assert.equal((await sent.json()).result, 5);
  await using other = await atRest();
  const form = new FormData();
  form.append("image", new Blob([new Uint8Array(5)]));
  form.append("times", "2");
  const posted = await other.upload("tool=size", form);
  assert.equal((await posted.json()).result, 10);
});

Deno.test("the type of a result is that of its tool, in a pool that has had no worker", async () => {
  await using it = await atRest();
  const answer = await it.call({ tool: "draw", args: {} }, { accept: "image/png" });
  assert.deepEqual([answer.headers.get("content-type"), await answer.text()], ["image/png", "png"]);
});

Deno.test("a client that also takes text waits for the first worker no longer than its call", async () => {
  await using it = await atRest({ env: { IMPORT_SECONDS: "60" } });
  for (const accept of ["application/json, text/plain, */*", "image/png"]) {
    const answer = await it.call({ tool: "draw", args: {}, timeoutMs: 100 }, { accept });
    assert.equal((await answer.json()).code, "deadline_exceeded", accept);
  }
});

Deno.test("an answer that cannot be sent is refused, in a pool that has had no worker", async () => {
  await using it = await atRest();
  const answer = await it.call({ tool: "draw", args: {} }, { accept: "image/jpeg" });
  const { code, details } = await answer.json();
  assert.deepEqual([answer.status, code, details.mayHaveRun], [406, "not_acceptable", true]);
});

Deno.test("the chunks of a stream have the type of their tool, in a pool that has had no worker", async () => {
  await using it = await atRest();
  const answer = await it.call({ tool: "draw_twice", args: {} }, {
    accept: "image/png",
    path: "stream",
  });
  assert.deepEqual([answer.headers.get("content-type"), await answer.text()], [
    "image/png",
    "pngpng",
  ]);
});

Deno.test("Tools.learn() asks a pool that has had no worker, and no other one", async () => {
  await using it = await atRest({}, [{ name: "other" }]);
  const { tools, workers } = it.den;
  const found = await Promise.all(Array.from({ length: 3 }, () => tools.learn("total")));
  assert.deepEqual(found.map((tool) => tool?.pool), ["default", "default", "default"]);
  assert.equal(workers.list().length, 1, "those who ask together wait for one worker");
  assert.equal((await tools.learn("total"))?.pool, "default");
  assert.equal(await tools.learn("none", "default"), undefined);
  assert.equal(await tools.learn("total", "nope"), undefined);
  assert.equal(workers.list().length, 1);
  assert.equal(await tools.learn("none"), undefined);
  assert.deepEqual(workers.list().map(({ pool }) => pool).sort(), ["default", "other"]);
});

Deno.test("Tools.learn() gets a worker when others must make room for it", async () => {
  await using it = await atRest({}, [{ name: "other" }], { maxWorkers: 2 });
  const { pools, tools } = it.den;
  await pools.startAhead("other", 2);
  assert.equal((await tools.learn("total", "default"))?.pool, "default");
});

Deno.test("Tools.learn() waits for the place of a worker that ends", async () => {
  await using it = await atRest({ max: 1 });
  const { den, path } = it;
  const args = { path: join(path, "go") };
  const call = den.execute("await_file", args);
  await until(() => den.workers.list().some(({ state }) => state === "busy"), "the call to run");
  const recycled = den.pools.recycle({ pool: "default" });
  const learned = den.tools.learn("nothing at all");
  await Deno.writeTextFile(args.path, "");
  assert.equal(await call, "the result");
  await recycled;
  assert.equal(await learned, undefined);
});

Deno.test("Tools.learn() has a deadline", async () => {
  await using it = await atRest({ env: { IMPORT_SECONDS: "60" }, timeoutMs: 100 });
  const late = { code: "deadline_exceeded", message: /no worker of the pool default was ready/ };
  await assert.rejects(it.den.tools.learn("total"), late);
  await assert.rejects(it.den.tools.learn("total", undefined, { timeoutMs: 1 }), late);
  for (const timeoutMs of [-1, NaN, "1"]) {
    const learning = it.den.tools.learn("total", undefined, { timeoutMs: timeoutMs as number });
    await assert.rejects(learning, { code: "invalid_input", message: /timeoutMs: given/ });
  }
});

Deno.test("Tools.learn() fails as calls do if no worker can be started", async () => {
  await using it = await atRest({ env: { PYTHONPATH: "/nowhere" }, adapter: "missing" });
  await assert.rejects(it.den.tools.learn("total"), { code: "pool_unhealthy" });
  await assert.rejects(it.den.tools.learn("total", undefined, { signal: AbortSignal.abort(7) }));
  const sent = await it.upload("tool=size", new Uint8Array(5));
  assert.equal(sent.status, 503);
  assert.equal((await sent.json()).code, "pool_unhealthy");
});
