import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import { FileKit, sha256Of, someBytes } from "../../files/file_kit.ts";
import { newJob } from "../../store/jobs/job_kit.ts";
import { type Client, clientOf, memoryEngine, memoryFiles } from "../memory_engine.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

function put(
  client: Client,
  body: BodyInit,
  { query = "", headers = {} }: {
    readonly query?: string;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<Response> {
  return client.request(`/v1/files${query}`, { method: "PUT", body, headers });
}

async function added(client: Client, body: BodyInit, query = ""): Promise<Json> {
  const answer = await put(client, body, { query });
  assert.equal(answer.status, 201);
  return await answer.json();
}

async function problemOf(answer: Response): Promise<Json> {
  return await answer.json();
}

Deno.test("PUT /v1/files keeps the body with its name, type and time to live", async () => {
  const client = clientOf(memoryEngine());
  const bytes = someBytes(1_000);
  const sha256 = await sha256Of(bytes);
  const digest = `sha-256=:${bytes.length && btoa(String.fromCharCode(...fromHex(sha256)))}:`;
  const answer = await put(client, bytes, {
    query: `?name=${encodeURIComponent("Zoë 1.csv")}&ttlMs=5000&sha256=${sha256}`,
    headers: { "content-type": "text/csv; charset=utf-8", "content-digest": `md5=:a:, ${digest}` },
  });
  const file = await answer.json();
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get("location"), `/v1/files/${file.id}`);
  assert.deepEqual([file.name, file.bytes, file.sha256, file.mediaType], [
    "Zoë 1.csv",
    1_000,
    sha256,
    "text/csv; charset=utf-8",
  ]);
  assert.equal(Date.parse(file.expiresAt) - Date.parse(file.createdAt), 5_000);
  assert.deepEqual(await (await client.request(`/v1/files/${file.id}`)).json(), file);
  const content = await client.request(`/v1/files/${file.id}/content`);
  assert.deepEqual(await content.bytes(), bytes);
  assert.deepEqual(
    ["content-type", "content-disposition", "etag", "accept-ranges", "content-length"]
      .map((it) => content.headers.get(it)),
    [
      "text/csv; charset=utf-8",
      `attachment; filename="Zo_ 1.csv"; filename*=UTF-8''Zo%C3%AB%201.csv`,
      `"${sha256}"`,
      "bytes",
      "1000",
    ],
  );
  assert.equal(content.headers.get("x-content-type-options"), "nosniff");
  assert.equal(content.headers.get("content-security-policy"), "sandbox");
});

function fromHex(text: string): Uint8Array {
  return Uint8Array.fromHex(text);
}

Deno.test("PUT /v1/files takes an empty body, chunks without a length, and curl's type as none", async () => {
  const client = clientOf(memoryEngine());
  const empty = await client.request("/v1/files", { method: "PUT" });
  assert.deepEqual([empty.status, (await empty.json()).bytes], [201, 0]);
  const stream = new Blob([someBytes(500_000)]).stream();
  const file = await (await put(client, stream, {
    headers: { "content-type": "application/x-www-form-urlencoded" },
  })).json();
  assert.deepEqual([file.bytes, file.name, file.mediaType], [500_000, "file", undefined]);
});

Deno.test("PUT /v1/files names what is wrong with a request", async () => {
  const client = clientOf(memoryEngine());
  const wrong: [query: string, headers: Record<string, string>, path: string][] = [
    ["?nmae=a", {}, "nmae"],
    ["?name=a&name=b", {}, "name"],
    ["?name=..%2Fa", {}, "name"],
    ["?ttlMs=soon", {}, "ttlMs"],
    ["?ttlMs=0", {}, "ttlMs"],
    ["?sha256=abc", {}, "sha256"],
    [`?sha256=${"0".repeat(64)}`, {}, "sha256"],
    ["", { "content-digest": "sha-256=:abc:" }, "content-digest"],
    ["", { "content-digest": "sha-256=abc" }, "content-digest"],
    [
      `?sha256=${"0".repeat(64)}`,
      { "content-digest": `sha-256=:${btoa("a".repeat(32))}:` },
      "sha256",
    ],
    ["", { "content-type": "nonsense" }, "mediaType"],
    ["", { "content-range": "bytes 0-9/100" }, "content-range"],
  ];
  for (const [query, headers, path] of wrong) {
    const answer = await put(client, someBytes(10), { query, headers });
    const { code, errors } = await problemOf(answer);
    assert.deepEqual([answer.status, code, errors[0].path], [400, "invalid_input", path], query);
  }
  for (
    const headers of [
      { "content-encoding": "gzip" },
      { "content-type": "multipart/form-data; boundary=a" },
    ]
  ) {
    const answer = await put(client, someBytes(10), { headers });
    const { code } = await problemOf(answer);
    assert.deepEqual([answer.status, code], [415, "unsupported_media_type"]);
  }
  assert.deepEqual(await (await client.request("/v1/files")).json(), { files: [] });
});

Deno.test("PUT /v1/files refuses a long file, before it reads one of known length", async () => {
  const config = { limits: { maxFileBytes: 2_048 }, files: { maxTotalBytes: 4_000 } };
  const client = clientOf(memoryEngine({ config }));
  const untouched = new ReadableStream<Uint8Array>({
    pull: () => assert.fail("read"),
  }, { highWaterMark: 0 });
  const headers = { "content-length": "2049" };
  const answers = [
    await put(client, untouched, { headers }),
    await put(client, new Blob([someBytes(2_049)]).stream()),
  ];
  for (const answer of answers) {
    const { code } = await problemOf(answer);
    assert.deepEqual([answer.status, code], [413, "file_too_large"]);
  }
  await added(client, someBytes(2_048));
  const full = await put(client, someBytes(2_000, 2));
  assert.deepEqual([full.status, (await problemOf(full)).code], [507, "file_quota_exceeded"]);
});

Deno.test("GET /v1/files pages, and lists the files of a job", async () => {
  await using kit = await FileKit.open();
  const client = clientOf(memoryEngine({ files: kit.files }));
  const job = newJob();
  await kit.store.submit([job]);
  const made = await kit.files.store(someBytes(1), { job: job.id });
  const ids = [made.id];
  for (let i = 0; i < 4; i++) ids.unshift((await added(client, someBytes(i))).id);
  const first = await (await client.request("/v1/files?limit=3")).json();
  const second = await (await client.request(`/v1/files?limit=3&cursor=${first.cursor}`)).json();
  assert.deepEqual([...first.files, ...second.files].map(({ id }: Json) => id), ids);
  assert.equal(second.cursor, undefined);
  const ofJob = await (await client.request(`/v1/files?job=${job.id}`)).json();
  assert.deepEqual(ofJob, { files: [made] });
  for (const query of ["limit=0", "limit=x", "cursor=x", "jbo=a", "limit=1&limit=2"]) {
    const answer = await client.request(`/v1/files?${query}`);
    assert.deepEqual([answer.status, (await problemOf(answer)).code], [400, "invalid_input"]);
  }
});

Deno.test("DELETE /v1/files/:id removes a file, and names the job in the way", async () => {
  await using kit = await FileKit.open();
  const client = clientOf(memoryEngine({ files: kit.files }));
  const { id } = await added(client, someBytes(10));
  const other = await added(client, someBytes(11));
  const job = newJob({ files: [other.id] });
  await kit.store.submit([job]);
  const gone = await client.request(`/v1/files/${id}`, { method: "DELETE" });
  assert.deepEqual([gone.status, await gone.text()], [204, ""]);
  for (const [method, path] of [["DELETE", ""], ["GET", ""], ["GET", "/content"]] as const) {
    const answer = await client.request(`/v1/files/${id}${path}`, { method });
    assert.deepEqual([answer.status, (await problemOf(answer)).code], [404, "unknown_file"]);
  }
  const held = await client.request(`/v1/files/${other.id}`, { method: "DELETE" });
  const { code, details } = await problemOf(held);
  assert.deepEqual([held.status, code, details.jobId], [409, "file_in_use", job.id]);
});

Deno.test("GET /v1/files/:id/content sends the part that a range asks for", async () => {
  const client = clientOf(memoryEngine());
  const bytes = someBytes(100);
  const { id, sha256 } = await added(client, bytes);
  const get = (headers: Record<string, string>, method = "GET"): Promise<Response> =>
    client.request(`/v1/files/${id}/content`, { headers, method });
  const parts: [range: string, start: number, end: number][] = [
    ["bytes=0-0", 0, 1],
    ["bytes=10-19", 10, 20],
    ["bytes=90-", 90, 100],
    ["bytes=90-500", 90, 100],
    ["bytes=-10", 90, 100],
    ["bytes=-500", 0, 100],
    ["BYTES= 5-6 ", 5, 7],
  ];
  for (const [range, start, end] of parts) {
    const answer = await get({ range, "if-range": `"${sha256}"` });
    assert.deepEqual([answer.status, answer.headers.get("content-range")], [
      206,
      `bytes ${start}-${end - 1}/100`,
    ]);
    assert.equal(answer.headers.get("content-length"), String(end - start));
    assert.deepEqual(await answer.bytes(), bytes.slice(start, end));
  }
  const whole = ["bytes=5-4", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=-", "bytes"];
  for (const range of whole) {
    const answer = await get({ range });
    assert.deepEqual([answer.status, (await answer.bytes()).length], [200, 100], range);
  }
  for (const range of ["bytes=100-", "bytes=500-600", "bytes=-0"]) {
    const answer = await get({ range });
    const { code } = await problemOf(answer);
    assert.deepEqual([answer.status, code, answer.headers.get("content-range")], [
      416,
      "range_not_satisfiable",
      "bytes */100",
    ]);
  }
  const changed = await get({ range: "bytes=0-1", "if-range": '"other"' });
  assert.deepEqual([changed.status, (await changed.bytes()).length], [200, 100]);
  const known = await get({ "if-none-match": `"a", W/"${sha256}"` });
  assert.deepEqual([known.status, await known.text()], [304, ""]);
});

Deno.test("HEAD /v1/files/:id/content has the headers of GET, and opens no file", async () => {
  await using kit = await FileKit.open();
  const { id } = await kit.files.add(someBytes(100), { name: "a.txt" });
  const files = Object.assign(Object.create(kit.files), {
    get: kit.files.get.bind(kit.files),
    read: () => assert.fail("opened"),
  });
  const client = clientOf(memoryEngine({ files }));
  const answer = await client.request(`/v1/files/${id}/content`, { method: "HEAD" });
  assert.deepEqual([answer.status, answer.headers.get("content-length")], [200, "100"]);
  assert.equal(answer.headers.get("content-disposition"), 'attachment; filename="a.txt"');
  const part = await client.request(`/v1/files/${id}/content`, {
    method: "HEAD",
    headers: { range: "bytes=1-2" },
  });
  assert.deepEqual([part.status, part.headers.get("content-length")], [200, "100"]);
});

Deno.test("a name cannot break out of content-disposition", async () => {
  const client = clientOf(memoryEngine());
  const name = `a"; filename="b'(c)*%41.html`;
  const { id } = await added(client, someBytes(1), `?name=${encodeURIComponent(name)}`);
  const answer = await client.request(`/v1/files/${id}/content`);
  await answer.body?.cancel();
  assert.equal(
    answer.headers.get("content-disposition"),
    `attachment; filename="a_; filename=_b'(c)*_41.html"; ` +
      "filename*=UTF-8''a%22%3B%20filename%3D%22b%27%28c%29%2A%2541.html",
  );
});

Deno.test("an empty file is sent as a whole, and has no part", async () => {
  const client = clientOf(memoryEngine());
  const { id } = await added(client, new Uint8Array());
  const answer = await client.request(`/v1/files/${id}/content`);
  assert.deepEqual([answer.status, (await answer.bytes()).length], [200, 0]);
  const part = await client.request(`/v1/files/${id}/content`, { headers: { range: "bytes=0-" } });
  assert.equal(part.status, 416);
  await part.body?.cancel();
});

Deno.test("without a store, every route of files answers store_unavailable", async () => {
  const reason = new SnakedenError("store_unavailable", "Cannot use jobs here", {
    retryable: true,
  });
  const client = clientOf(memoryEngine({ files: memoryFiles({}, reason) }));
  for (const [method, path] of [["PUT", ""], ["GET", ""], ["GET", "/a"], ["DELETE", "/a"]]) {
    const answer = await client.request(`/v1/files${path}`, { method: method ?? "" });
    assert.deepEqual([answer.status, (await problemOf(answer)).code], [503, "store_unavailable"]);
  }
});
