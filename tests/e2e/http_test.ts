import assert from "node:assert/strict";
import { devPython } from "../../scripts/dev_python.ts";
import { ADAPTERS, HostProcess, ROOT, SERVE, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const JSON_TYPE = { "content-type": "application/json" };

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly dir: string;
  readonly process: ServerProcess;
}

async function serve(config: Record<string, unknown> = {}): Promise<Server> {
  const dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/snakeden.config.json`, JSON.stringify(config));
  const process = await ServerProcess.start({
    dataDir: dir.path,
    env: { SNAKEDEN_CONFIG: `${dir.path}/snakeden.config.json` },
  });
  return {
    url: process.url,
    dir: dir.path,
    process,
    async [Symbol.asyncDispose](): Promise<void> {
      await process[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(url, { method: "POST", headers: JSON_TYPE, body: text, ...init });
}

interface SseEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

async function* readEvents(response: Response): AsyncGenerator<SseEvent> {
  let rest = "";
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (event !== undefined) yield { event, data: JSON.parse(data ?? "null") };
    }
  }
}

Deno.test("POST /v1/execute returns the result of a tool, and problems with their status", async () => {
  await using server = await serve();
  const url = `${server.url}/v1/execute`;
  const sum = await (await post(url, { tool: "add", args: { a: 2, b: 3 } })).json();
  assert.equal(sum.result, 5);
  assert.match(sum.workerId, /^default-\d+$/);

  // Integers of any size keep their digits in both directions.
  const big = await post(url, '{"tool":"echo","args":{"value":123456789012345678901234567890}}');
  assert.match(await big.text(), /"result":123456789012345678901234567890/);

  const deep = "[".repeat(10_000) + "]".repeat(10_000);
  const cases: readonly [body: unknown, status: number, code: string, text: RegExp][] = [
    [{ tool: "ad" }, 404, "unknown_tool", /add/],
    [{ tool: "add", pool: "defautl" }, 404, "unknown_pool", /default/],
    [{ tool: "add", args: [1, 2] }, 400, "invalid_input", /args/],
    [{ tool: "add", args: { a: "x", c: 1 } }, 422, "invalid_arguments", /args\.a[^]*args\.c/],
    [{ tool: "ping", timeoutMs: 0 }, 400, "invalid_input", /timeoutMs/],
    [{ tool: "ping", timeoutMs: -1 }, 400, "invalid_input", /timeoutMs/],
    ['{"tool":"ping","timeoutMs":1e309}', 400, "invalid_input", /timeoutMs/],
    [{ tool: "ping", timeoutMs: "5" }, 400, "invalid_input", /timeoutMs/],
    ['{"tool":"echo","args":{"value":NaN}}', 400, "invalid_input", /NaN/],
    ['{"tool":"echo",', 400, "invalid_input", /JSON/],
    [`{"tool":"echo","args":{"value":${deep}}}`, 400, "invalid_input", /200/],
    [{ tool: "profile_csv", args: { path: "/does/not/exist" } }, 500, "python_exception", /exist/],
    [{ tool: "profile_csv", args: { path: "/tmp" } }, 500, "python_exception", /directory/],
    [{ tool: "profile_csv", args: { path: "/bin/sh" } }, 500, "python_exception", /binary/],
    [{ tool: "sleep", args: { seconds: 9 }, timeoutMs: 50 }, 504, "deadline_exceeded", /50 ms/],
  ];
  for (const [body, status, code, text] of cases) {
    const response = await post(url, body);
    const problem = await response.json();
    const shown = JSON.stringify(problem);
    assert.equal(response.status, status, shown);
    assert.equal(problem.code, code, shown);
    assert.match(shown, text);
    assert.match(response.headers.get("content-type") ?? "", /^application\/problem\+json/);
    assert.equal(problem.requestId, response.headers.get("x-request-id"));
  }
});

Deno.test("POST /v1/execute refuses a body over the limit, also one that comes in chunks", async () => {
  await using server = await serve({ limits: { maxBodyBytes: 2_048 } });
  const url = `${server.url}/v1/execute`;
  const body = JSON.stringify({ tool: "echo", args: { value: "x".repeat(4_096) } });
  const chunked = new ReadableStream<Uint8Array>({
    start(controller): void {
      const bytes = new TextEncoder().encode(body);
      for (let i = 0; i < bytes.length; i += 512) controller.enqueue(bytes.slice(i, i + 512));
      controller.close();
    },
  });
  for (const response of [await post(url, body), await post(url, "", { body: chunked })]) {
    const problem = await response.json();
    assert.equal(response.status, 413);
    assert.equal(problem.code, "body_too_large");
    assert.match(problem.detail, /2,?048/);
  }
  assert.equal((await (await post(url, { tool: "ping" })).json()).result, "pong");
});

Deno.test("POST /v1/execute stops the Python work when its client disconnects", async () => {
  await using server = await serve({
    pools: [{ name: "default", size: 1, adapter: "appender", modulePaths: [ADAPTERS] }],
  });
  const path = `${server.dir}/lines`;
  const leaving = new AbortController();
  const call = post(`${server.url}/v1/execute`, {
    tool: "append_forever",
    args: { path, interval: 0.005 },
  }, { signal: leaving.signal }).catch(() => {});
  await until(() => Deno.stat(path).then((it) => it.size > 0, () => false), "the first line");
  leaving.abort();
  await call;
  const { stats } = await until(async () => {
    const { pools } = await (await fetch(`${server.url}/v1/pools`)).json();
    return pools[0].workers.ready === 1 && pools[0];
  }, "the call to be counted");
  assert.equal(stats.cancelled, 1);
  const { size } = await Deno.stat(path);
  // The worker takes the next call, so the one before has ended.
  const next = await post(`${server.url}/v1/execute`, {
    tool: "append_forever",
    args: { path: "/does/not/exist" },
  });
  assert.equal((await next.json()).code, "python_exception");
  assert.equal((await Deno.stat(path)).size, size);
});

/**
 * A program that writes a table of 200,000 rows, and what Python's csv and statistics modules say
 * about it.
 */
const REFERENCE = `
import csv, json, random, statistics, sys
path, rows = sys.argv[1], 200_000
rng = random.Random(7)
with open(path, "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["id", "price", "city", "note"])
    for i in range(rows):
        price = "" if i % 1000 == 0 else f"{rng.gauss(100, 15):.4f}"
        writer.writerow([i, price, rng.choice(["Oslo", "Łódź", "Quito"]), 'a "quoted", note\\nover lines'])
with open(path, newline="", encoding="utf-8") as file:
    table = list(csv.DictReader(file))
prices = [float(row["price"]) for row in table if row["price"]]
print(json.dumps({"rows": len(table), "missing": sum(not row["price"] for row in table),
                  "min": min(prices), "max": max(prices), "mean": statistics.fmean(prices),
                  "stdev": statistics.stdev(prices), "cities": len({row["city"] for row in table})}))
`;

Deno.test("POST /v1/stream shows progress of profile_csv on 200,000 rows and a right profile", async () => {
  await using server = await serve();
  const path = `${server.dir}/table.csv`;
  const { stdout, stderr, success } = await new Deno.Command(await devPython(), {
    args: ["-c", REFERENCE, path],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const expected = JSON.parse(new TextDecoder().decode(stdout));

  const response = await post(`${server.url}/v1/stream`, { tool: "profile_csv", args: { path } });
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const events = await Array.fromAsync(readEvents(response));
  const fractions = events.filter((it) => it.event === "progress")
    .map((it) => it.data["fraction"] as number);
  assert.ok(fractions.length >= 3, `only ${fractions.length} progress events`);
  assert.deepEqual(fractions, fractions.toSorted((a, b) => a - b));

  const done = events.at(-1);
  assert.equal(done?.event, "done");
  const profile = done?.data["result"] as {
    rows: number;
    columns: Record<string, unknown>[];
  };
  assert.equal(profile.rows, expected.rows);
  const [id, price, city] = profile.columns;
  assert.deepEqual([id?.["type"], price?.["type"], city?.["type"]], ["integer", "float", "text"]);
  assert.deepEqual([price?.["missing"], price?.["min"], price?.["max"], city?.["distinct"]], [
    expected.missing,
    expected.min,
    expected.max,
    expected.cities,
  ]);
  for (const figure of ["mean", "stdev"]) {
    const difference = Math.abs((price?.[figure] as number) / expected[figure] - 1);
    assert.ok(difference < 1e-9, `${figure}: ${price?.[figure]}, expected ${expected[figure]}`);
  }
});

Deno.test("POST /v1/stream returns NDJSON on request", async () => {
  await using server = await serve();
  const response = await post(`${server.url}/v1/stream`, { tool: "counter", args: { n: 2 } }, {
    headers: { ...JSON_TYPE, accept: "application/x-ndjson" },
  });
  const lines = (await response.text()).trim().split("\n").map((it) => JSON.parse(it));
  assert.deepEqual(lines.map((it) => it.event), ["chunk", "chunk", "done"]);
});

Deno.test("GET /readyz returns 503 with the reason while a pool has no worker, and calls show no traceback", async () => {
  await using server = await serve({
    pools: [
      { name: "default", size: 1 },
      { name: "broken", size: 1, adapter: "raises_at_import", modulePaths: [ADAPTERS] },
    ],
  });
  const response = await fetch(`${server.url}/readyz`);
  const body = await response.json();
  assert.equal(response.status, 503);
  assert.match(JSON.stringify(body), /while it was imported/);
  for (const path of ["execute", "stream"]) {
    const call = { tool: "anything", pool: "broken" };
    const problem = await (await post(`${server.url}/v1/${path}`, call)).text();
    assert.match(problem, /pool_unhealthy.*raises_at_import|raises_at_import.*pool_unhealthy/s);
    assert.doesNotMatch(problem, /Traceback|raises_at_import\.py/);
  }
  assert.equal((await (await fetch(`${server.url}/healthz`)).json()).status, "ok");
});

/** Runs main.ts until it ends by itself. */
async function runMain(
  dataDir: string,
  env: Record<string, string>,
  args: string[] = [],
): Promise<{ code: number; stderr: string }> {
  await using host = new HostProcess([
    ...SERVE,
    `--allow-write=/tmp,${dataDir}`,
    `${ROOT}main.ts`,
    ...args,
  ], { env: { SNAKEDEN_PYTHON: await devPython(), SNAKEDEN_DATA_DIR: dataDir, ...env } });
  return await host.finished();
}

Deno.test("main.ts reports every mistake of a configuration at once", async () => {
  await using dir = await tempDir();
  const config = `${dir.path}/snakeden.config.json`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({ prot: 1, drainMs: -1, pools: [{ name: "Default", size: 0 }] }),
  );
  const { code, stderr } = await runMain(dir.path, { SNAKEDEN_CONFIG: config });
  assert.notEqual(code, 0);
  for (const text of [/prot.*port/, /drainMs/, /pools\[0\]\.name/, /pools\[0\]\.size/]) {
    assert.match(stderr, text);
  }
});

Deno.test("main.ts reports that its port is in use", async () => {
  await using dir = await tempDir();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const { code, stderr } = await runMain(dir.path, { SNAKEDEN_PORT: String(port) });
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`${port}`));
  assert.match(stderr, /in use/);
});

Deno.test("main.ts refuses an address beyond loopback without an API key", async () => {
  await using dir = await tempDir();
  const { code, stderr } = await runMain(dir.path, { SNAKEDEN_HOST: "0.0.0.0" });
  assert.notEqual(code, 0);
  assert.match(stderr, /apiKey|SNAKEDEN_API_KEY/);
});

Deno.test("main.ts reports that its data directory cannot be written", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(`${dir.path}/file`, "");
  const { code, stderr } = await runMain(`${dir.path}/file/data`, { SNAKEDEN_PORT: "0" });
  assert.notEqual(code, 0);
  assert.match(stderr, /data directory/i);
});

Deno.test("main.ts serves from a data directory whose path is too long for a socket", async () => {
  await using dir = await tempDir();
  const dataDir = `${dir.path}/${"long/".repeat(25)}`;
  await using server = await ServerProcess.start({ dataDir });
  assert.equal(
    (await (await post(`${server.url}/v1/execute`, { tool: "ping" })).json()).result,
    "pong",
  );
});

Deno.test("main.ts fails with the reason when no pool can start", async () => {
  await using dir = await tempDir();
  const config = `${dir.path}/snakeden.config.json`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({ pools: [{ name: "default", size: 1, adapter: "no_such_module" }] }),
  );
  const { code, stderr } = await runMain(dir.path, { SNAKEDEN_CONFIG: config, SNAKEDEN_PORT: "0" });
  assert.equal(code, 1);
  assert.match(stderr, /no_such_module/);
});
