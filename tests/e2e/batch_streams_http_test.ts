/** Batches whose items come one after the other, in the client. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type JobInput, SnakedenClient } from "../../src/client/mod.ts";
import { until } from "../fixtures/until.ts";
import { API_KEY, serveSuite } from "../client/served.ts";

const adapters = new URL("../fixtures/adapters", import.meta.url).pathname;
const CONFIG = {
  pools: [{ name: "default", size: 2, adapter: "batch_work", modulePaths: [adapters] }],
};

function* keys(count: number): Generator<{ readonly key: number }> {
  for (let key = 0; key < count; key++) yield { key };
}

async function* later<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const it of items) {
    await nextTurn();
    yield it;
  }
}

Deno.test("the client sends the items of an iterable as a file that the job keeps", async () => {
  await using served = await serveSuite(CONFIG);
  await using den = new SnakedenClient({ baseUrl: served.url, apiKey: API_KEY });
  const big = 12345678901234567890n;
  const values = [null, big, NaN, { big, bytes: new Uint8Array([3]) }, undefined, "ü\n"];
  const inputs: [JobInput, unknown[]][] = [
    [
      { kind: "batch", tool: "square", inputs: keys(1_200) },
      [...keys(1_200)].map((it) => it.key ** 2),
    ],
    [{ kind: "batch", tool: "echo", input: "value", inputs: later(values) }, [
      ...values.slice(0, 4),
      null,
      "ü\n",
    ]],
    [{ kind: "batch", tool: "square", inputs: keys(0) }, []],
  ];
  for (const [input, expected] of inputs) {
    const handle = await den.jobs.submit(input);
    const results = await Array.fromAsync(handle.results());
    const found = results.toSorted((a, b) => a.index - b.index)
      .map((it) => "error" in it ? it.error.message : it.result);
    assert.deepEqual([handle.answer, found], ["created", expected]);
  }
  const { items } = await den.files.list();
  assert.deepEqual(items.map(({ name }) => name), inputs.map(() => "inputs.ndjson"));
  for (const { id } of items) await assert.rejects(den.files.remove(id), { code: "file_in_use" });
  const again = { kind: "batch", tool: "square", id: "mine" } as const;
  const first = await den.jobs.submit({ ...again, inputs: keys(9) });
  const second = await den.jobs.submit({ ...again, inputs: later(keys(9)) });
  assert.deepEqual([first.answer, second.answer, second.id], ["created", "existing", "mine"]);
  assert.equal((await den.files.list()).items.length, inputs.length + 1);
});

Deno.test("a submission of the client that fails or is left leaves no file, and closes the items", async () => {
  await using served = await serveSuite(CONFIG);
  await using den = new SnakedenClient({ baseUrl: served.url, apiKey: API_KEY });
  const batch = { kind: "batch", tool: "square" } as const;
  let isClosed = true;
  async function* source(end: (taken: number) => unknown): AsyncGenerator<object> {
    isClosed = false;
    try {
      for (let taken = 0; taken < 100_000; taken++) {
        await end(taken);
        yield { key: taken };
      }
    } finally {
      isClosed = true;
    }
  }
  const failure = new RangeError("the table is gone");
  const leaving = new AbortController();
  const enough = new TypeError("enough");
  const wrong: [JobInput, object][] = [
    [{ ...batch, inputs: source((it) => it === 3_000 && Promise.reject(failure)) }, failure],
    [{ ...batch, inputs: source((it) => it === 3_000 && leaving.abort(enough)) }, enough],
    [
      { ...batch, inputs: [{ key: 1 }, 5].values() },
      { code: "invalid_input", message: /inputs\[1\]: given no object; allowed: an object/ },
    ],
    [{ ...batch, inputs: keys(3), format: "csv" as const }, {
      message: /format: given without inputsFile/,
    }],
    [{ ...batch, inputs: keys(3), tool: "none" }, { code: "unknown_tool" }],
    [{ ...batch, inputs: keys(3), window: 0 }, { message: /window: given 0/ }],
  ];
  for (const [input, error] of wrong) {
    const options = error === enough ? leaving : {};
    await assert.rejects(den.jobs.submit(input, options), error);
    await until(() => isClosed, "the items are closed");
  }
  const left = async (): Promise<number> => (await den.files.list()).items.length;
  // The server may notice later that a client has left.
  await until(async () => await left() === 0, "the files are gone");
  assert.deepEqual((await den.jobs.list()).items, []);
});

Deno.test("a submission whose connection is cut in the middle makes no job, and no file", async () => {
  await using served = await serveSuite(CONFIG);
  await using den = new SnakedenClient({ baseUrl: served.url, apiKey: API_KEY });
  const { hostname, port } = new URL(served.url);
  const item = '{"key":1}';
  const bodies = [
    ["POST", "/v1/jobs", "application/json", `{"kind":"batch","tool":"square","inputs":[${item}`],
    ["PUT", "/v1/files?name=inputs.ndjson", "application/x-ndjson", `${item}\n`.repeat(5_000)],
  ] as const;
  for (const [method, path, type, body] of bodies) {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: ${type}\r\n` +
      `authorization: Bearer ${API_KEY}\r\ncontent-length: ${body.length + 100}\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head + body));
    connection.close();
  }
  // What comes after it is answered after it was noticed.
  const { id } = await den.jobs.submit({ kind: "batch", tool: "square", inputs: [{ key: 3 }] });
  assert.equal((await den.jobs.wait(id)).state, "completed");
  assert.deepEqual((await den.jobs.list()).items.map((it) => it.id), [id]);
  assert.deepEqual(await den.files.list(), { items: [] });
});
