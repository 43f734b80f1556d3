/** `POST /v1/map`, with real workers. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { linesIn, type MapLine, serveMap } from "./served_map.ts";
import { tempDir } from "../../fixtures/host.ts";
import { until } from "../../fixtures/until.ts";

const encoder = new TextEncoder();

function numbers(count: number): string {
  return Array.from({ length: count }, (_, i) => `{"i":${i}}\n`).join("");
}

/** Returns the index of each line, with its result or the code of its error. */
function shown(lines: readonly MapLine[]): unknown[] {
  return lines.map(({ index, result, error }) => [index, error?.code ?? result]);
}

async function problemOf(response: Promise<Response>): Promise<unknown[]> {
  const { status, code, errors = [] } = await (await response).json();
  return [status, code, ...errors.map(({ path }: { path: string }) => path)];
}

/** A body that is written piece by piece. */
function writtenBody(): {
  readonly body: ReadableStream<Uint8Array>;
  readonly write: (text: string) => void;
  readonly close: () => void;
} {
  let to: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (it) => void (to = it) });
  return {
    body,
    write: (text) => to?.enqueue(encoder.encode(text)),
    close: () => to?.close(),
  };
}

Deno.test("POST /v1/map answers a line for each item, in order or as they end", async () => {
  await using served = await serveMap();
  const expected = Array.from({ length: 50_000 }, (_, i) => [i, i]);
  assert.deepEqual(shown(await served.lines("tool=noop", numbers(50_000))), expected);
  const others = await served.lines("tool=noop&ordered=false&window=4", numbers(50_000));
  others.sort((a, b) => Number(a.index) - Number(b.index));
  assert.deepEqual(shown(others), expected);
  const response = await served.map("tool=noop", "\n \r\n");
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  assert.equal(await response.text(), "");
});

Deno.test("POST /v1/map answers a broken line with its error, and goes on", async () => {
  await using served = await serveMap();
  const items = numbers(100_000).split("\n");
  items[70_000] = '{"i":70000';
  const lines = await served.lines("tool=noop", items.join("\n"));
  assert.equal(lines.length, 100_000);
  assert.match(lines[70_000]?.error?.detail ?? "", /not JSON/);
  assert.deepEqual(lines.flatMap(({ error, index }) => error === undefined ? [] : [index]), [
    70_000,
  ]);
  const text = '\ufeff{"i":1}\n\n7\n{"i":"x"}\r\n  \n{"i":1},{"i":2}\n{"i":"\u00ff"}\n{"i":3}';
  const bytes = encoder.encode(text);
  // Half of a character.
  bytes[bytes.lastIndexOf(0xbf)] = 0x41;
  const seen = await served.lines("tool=noop", bytes);
  assert.deepEqual(shown(seen), [
    [0, 1],
    [1, "invalid_arguments"],
    [2, "invalid_arguments"],
    [3, "invalid_arguments"],
    [4, "invalid_input"],
    [5, 3],
  ]);
  assert.match(seen[4]?.error?.detail ?? "", /line 7: it is not UTF-8/);
});

Deno.test("POST /v1/map ends with the number of a line that is too long", async () => {
  await using served = await serveMap();
  const long = `{"value":"${"x".repeat(1_100_000)}"}`;
  const lines = await served.lines("tool=echo", `{"value":1}\n\n${long}\n{"value":2}\n`);
  assert.deepEqual(shown(lines), [[0, 1], [undefined, "body_too_large"]]);
  assert.match(lines[1]?.error?.detail ?? "", /line 3: it has more than 1048576 bytes/);
  assert.deepEqual(await problemOf(served.map("tool=echo", long)), [413, "body_too_large"]);
  const fits = `{"value":"${"x".repeat(1_000_000)}"}`;
  const answer = await served.lines("tool=echo", fits);
  assert.equal(String(answer[0]?.result).length, 1_000_000);
});

Deno.test("POST /v1/map refuses what is wrong with the request by a status", async () => {
  await using served = await serveMap();
  const { map, url } = served;
  assert.deepEqual(await problemOf(map("tool=nope", "{}")), [404, "unknown_tool"]);
  assert.deepEqual(await problemOf(map("tool=noop&pool=nope", "{}")), [404, "unknown_pool"]);
  for (const window of ["0", "1e9", "1.5", "many", ""]) {
    assert.deepEqual(await problemOf(map(`tool=noop&window=${window}`, "{}")), [
      400,
      "invalid_input",
      "window",
    ]);
  }
  const wrong = "batchSize=0&ordered=perhaps&timeoutMs=-1&args={}&arg=a&colour=red";
  const [status, , ...paths] = await problemOf(map(wrong, "{}"));
  assert.equal(status, 400);
  assert.deepEqual(
    paths.toSorted(),
    ["arg", "args", "batchSize", "colour", "ordered", "timeoutMs", "tool"],
  );
  const init = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
  assert.deepEqual(await problemOf(fetch(`${url}/v1/map?tool=noop`, init)), [
    415,
    "unsupported_media_type",
  ]);
});

Deno.test("POST /v1/map gives items tags and files, and answers results that are bytes", async () => {
  await using served = await serveMap();
  const { id } = await served.den.files.add(encoder.encode("of a file"), { name: "a.txt" });
  const lines = await served.lines(
    "tool=echo",
    [
      '{"value":{"$snakeden":"bytes","base64":"AAEC"}}',
      '{"value":{"$\\u0073nakeden":"bytes","base64":"AAEC"}}',
      '{"value":{"$snakeden":"nothing"}}',
      '{"value":123456789012345678901234567890}',
      `{"value":{"$file":"${id}"}}`,
      '{"value":{"$file":"no-such-file"}}',
    ].join("\n"),
  );
  const bytes = { $snakeden: "bytes", base64: "AAEC" };
  assert.deepEqual(shown(lines.slice(0, 4)), [
    [0, bytes],
    [1, bytes],
    [2, "invalid_input"],
    [3, 123456789012345678901234567890],
  ]);
  assert.deepEqual(shown(lines.slice(5)), [[5, "unknown_file"]]);
  assert.equal(lines[4]?.error, undefined);
  const [large] = await served.lines("tool=bytes_of", '{"bytes":400000}\n');
  const { base64 } = large?.result as { readonly base64: string };
  assert.equal(base64.length, Math.ceil(400_000 / 3) * 4);
});

Deno.test("POST /v1/map goes on after a dead worker and a result that is too large", async () => {
  await using served = await serveMap({}, { limits: { maxResultBytes: 1_000_000 } });
  const items = ["", "large", "", "die", "raise", ""].map((how) => JSON.stringify({ how }));
  assert.deepEqual(shown(await served.lines("tool=ends", items.join("\n"))), [
    [0, ""],
    [1, "result_too_large"],
    [2, ""],
    [3, "worker_crashed"],
    [4, "python_exception"],
    [5, ""],
  ]);
});

Deno.test("POST /v1/map runs an item at once, while its client has not sent the next one", async () => {
  await using served = await serveMap();
  const { body, write, close } = writtenBody();
  write('{"i":0}\n');
  const response = await served.map("tool=noop", body);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader !== undefined);
  for (let i = 0; i < 5; i++) {
    assert.equal((await reader.read()).value, `{"index":${i},"result":${i}}\n`);
    // Half a line is none.
    write(`{"i":`);
    write(`${i + 1}}\n`);
  }
  close();
  assert.equal((await reader.read()).value, '{"index":5,"result":5}\n');
  assert.equal((await reader.read()).done, true);
});

Deno.test("POST /v1/map cancels what runs when its client leaves", async () => {
  await using dir = await tempDir();
  await using served = await serveMap({ size: 2 });
  const path = join(dir.path, "begun");
  const begun = async (): Promise<number> => {
    const text = await Deno.readTextFile(path).catch(() => "");
    return text.split("\n").length - 1;
  };
  const item = (i: number): string => JSON.stringify({ item: i, path, how: "sleep", seconds: 300 });
  const leaving = new AbortController();
  const body = Array.from({ length: 10 }, (_, i) => `${item(i)}\n`).join("");
  const answer = served.map("tool=noted&batchSize=1", body, leaving.signal);
  const left = assert.rejects(answer, { name: "AbortError" });
  await until(async () => await begun() === 2, "two items run");
  leaving.abort();
  await left;
  const sums = served.lines("tool=add", '{"a":1}\n{"a":2}\n');
  assert.deepEqual(shown(await sums), [[0, 11], [1, 12]]);
  assert.equal(await begun(), 2);
});

Deno.test("POST /v1/map reads no further while its client reads nothing", async () => {
  await using served = await serveMap();
  let [sent, isLeft] = [0, false];
  const piece = encoder.encode(`{"value":"${"x".repeat(65_000)}"}\n`.repeat(16));
  const body = new ReadableStream<Uint8Array>({
    pull: (to) => {
      sent += piece.byteLength;
      to.enqueue(piece);
    },
    cancel: () => void (isLeft = true),
  }, { highWaterMark: 0 });
  const response = await served.map("tool=echo", body);
  // The client is as far as it gets once nothing is sent during many calls of another one.
  await until(
    async () => {
      const before = sent;
      for (let i = 0; i < 300; i++) await served.den.execute("noop", { i });
      return sent === before;
    },
    "the client waits",
    { timeoutMs: 120_000 },
  );
  assert.ok(sent < 256 * 1024 * 1024, `${sent} bytes were sent`);
  const reader = response.body?.getReader();
  const before = sent;
  await until(async () => (await reader?.read(), sent > before), "the client goes on");
  await reader?.cancel();
  await until(() => isLeft, "the body is left");
});

Deno.test("POST /v1/map sends heartbeats while an item runs", async () => {
  await using served = await serveMap({}, { limits: { heartbeatMs: 100 } });
  const { body, write, close } = writtenBody();
  const response = await served.map("tool=noop", body);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader?.read())?.value, '{"event":"heartbeat"}\n');
  write('{"i":1}\n');
  close();
  let text = "";
  for (let it = await reader?.read(); it?.done === false; it = await reader?.read()) {
    text += it.value;
  }
  const lines = linesIn(text).filter(({ event }) => event === undefined);
  assert.deepEqual(shown(lines), [[0, 1]]);
});

Deno.test("POST /v1/map runs host tools that are exposed, and no others", async () => {
  await using served = await serveMap();
  const run = ({ n }: { n: number }): number => 2 * n;
  const input = z.object({ n: z.number() });
  served.den.tools.register({ name: "twice", input, run, exposeHttp: true });
  served.den.tools.register({ name: "hidden", input, run });
  assert.deepEqual(shown(await served.lines("tool=twice", '{"n":2}\n[1]\nno\n{"n":4}')), [
    [0, 4],
    [1, "invalid_arguments"],
    [2, "invalid_input"],
    [3, 8],
  ]);
  assert.deepEqual(await problemOf(served.map("tool=hidden", '{"n":2}')), [404, "unknown_tool"]);
});
