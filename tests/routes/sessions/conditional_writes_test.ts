import assert from "node:assert/strict";
import { type Send, sessionClient } from "./session_client.ts";

async function opened(): Promise<Send> {
  const send = sessionClient();
  await send("PUT", "/s");
  return send;
}

Deno.test("of a PATCH and a DELETE of a session with one If-Match, one is made", async () => {
  for (const order of [["PATCH", "DELETE"], ["DELETE", "PATCH"]] as const) {
    const send = await opened();
    const [first, second] = await Promise.all(
      order.map((method) =>
        send(method, "/s", method === "PATCH" ? { metadata: { a: 1 } } : undefined, {
          "if-match": '"1"',
        })
      ),
    );
    const ok = [first, second].filter((it) => it && it.status < 300);
    assert.equal(ok.length, 1, `${first?.status} and ${second?.status}`);
    const other = [first, second].find((it) => it && it.status >= 300);
    assert.ok(other?.status === 412 || other?.status === 404);
  }
});

Deno.test("many DELETEs of a session with one If-Match end it once, and none of a later one", async () => {
  const send = await opened();
  const headers = { "if-match": '"1"' };
  const all = await Promise.all(
    Array.from({ length: 10 }, () => send("DELETE", "/s", undefined, headers)),
  );
  assert.equal(all.filter(({ status }) => status === 204).length, 1);
  assert.ok(all.every(({ status }) => status === 204 || status === 404));
});

Deno.test("of a PUT and a DELETE of a variable with one If-Match, one is made", async () => {
  for (let i = 0; i < 20; i++) {
    const send = await opened();
    const etag = (await send("PUT", "/s/variables/x", { value: 1 })).headers.get("etag") ?? "";
    const headers = { "if-match": etag };
    const both = [
      () => send("PUT", "/s/variables/x", { value: 2 }, headers),
      () => send("DELETE", "/s/variables/x", undefined, headers),
    ];
    const answers = await Promise.all((i % 2 === 0 ? both : both.reverse()).map((it) => it()));
    const made = answers.filter(({ status }) => status < 300);
    assert.equal(made.length, 1, JSON.stringify(answers.map(({ status }) => status)));
    const { status } = await send("GET", "/s/variables/x");
    assert.equal(status, made[0]?.status === 204 ? 404 : 200);
  }
});

Deno.test("DELETE with If-None-Match: * removes nothing", async () => {
  const send = await opened();
  const headers = { "if-none-match": "*" };
  assert.equal((await send("DELETE", "/s/variables/x", undefined, headers)).status, 404);
  // A variable that comes up meanwhile stays.
  const [, set] = await Promise.all([
    send("DELETE", "/s/variables/x", undefined, headers),
    send("PUT", "/s/variables/x", { value: 1 }),
  ]);
  assert.equal(set.status, 200);
  assert.equal((await send("GET", "/s/variables/x")).status, 200);
  assert.equal((await send("DELETE", "/s/variables/x", undefined, headers)).status, 412);
  assert.equal((await send("DELETE", "/s", undefined, headers)).status, 412);
  assert.equal((await send("PATCH", "/s", {}, headers)).status, 412);
});

Deno.test("PUT of a session with If-Match never opens one", async () => {
  const send = await opened();
  const answers = await Promise.all([
    send("DELETE", "/s"),
    ...Array.from({ length: 5 }, () => send("PUT", "/s", undefined, { "if-match": '"1"' })),
  ]);
  assert.ok(answers.every(({ status }) => status !== 201));
  assert.equal((await send("GET", "/s")).status, 404);
});

Deno.test("PUT of a session with If-Match refuses wrong fields, whether it exists or not", async () => {
  const send = await opened();
  const fields = { ttlMs: -1, metadata: [] };
  for (const path of ["/s", "/none"]) {
    for (const version of ['"1"', '"9"', "*"]) {
      const { status, body } = await send("PUT", path, fields, { "if-match": version });
      assert.equal(status, 400);
      const paths = body.errors.map((it: { path: string }) => it.path);
      assert.deepEqual(paths, ["ttlMs", "metadata"]);
    }
  }
  const headers = { "if-match": '"1"' };
  assert.equal((await send("PUT", "/s", { ttlMs: 1_000 }, headers)).status, 200);
  assert.equal((await send("GET", "/s")).body.ttlMs, 3_600_000);
});

Deno.test("DELETE of a program with If-None-Match: * removes nothing", async () => {
  const send = await opened();
  const headers = { "if-none-match": "*" };
  // A program that comes up meanwhile stays.
  const [put, removal] = await Promise.all([
    send("PUT", "/s/programs/p", { tool: "add" }),
    send("DELETE", "/s/programs/p", undefined, headers),
  ]);
  assert.equal(put.status, 201);
  assert.ok([404, 412].includes(removal.status));
  assert.equal((await send("GET", "/s/programs/p")).status, 200);
});

Deno.test("GET with If-Match sends that version only", async () => {
  const send = await opened();
  await send("PUT", "/s/variables/x", { value: 1 });
  await send("PUT", "/s/programs/p", { tool: "add" });
  for (const path of ["/s", "/s/variables/x", "/s/programs/p"]) {
    const { headers } = await send("GET", path);
    const etag = headers.get("etag") ?? "";
    const get = async (header: string): Promise<number> =>
      (await send("GET", path, undefined, { "if-match": header })).status;
    assert.deepEqual([await get(etag), await get("*"), await get('"999"')], [200, 200, 412], path);
    assert.equal(await get("999"), 400);
    const lost = await send("GET", path, undefined, { "if-match": `W/${etag}` });
    assert.deepEqual([lost.status, lost.headers.get("etag")], [412, etag]);
    const both = { "if-match": etag, "if-none-match": etag };
    assert.equal((await send("GET", path, undefined, both)).status, 304);
  }
});

Deno.test("412 has the current version in its body and as ETag", async () => {
  const send = await opened();
  const { body: { version } } = await send("PUT", "/s/variables/x", {
    value: 1,
  });
  for (
    const [method, path, body] of [
      ["PUT", "/s/variables/x", { value: 2 }],
      ["DELETE", "/s/variables/x", undefined],
      ["PATCH", "/s", {}],
      ["DELETE", "/s", undefined],
    ] as const
  ) {
    const lost = await send(method, path, body, { "if-match": '"999"' });
    const current = path === "/s" ? 1 : version;
    assert.deepEqual(
      [lost.status, lost.body.code, lost.body.details.currentVersion, lost.headers.get("etag")],
      [412, "version_conflict", current, `"${current}"`],
      `${method} ${path}`,
    );
  }
  const missing = await send("PUT", "/s/variables/none", { value: 1 }, { "if-match": "*" });
  assert.deepEqual([missing.body.details, missing.headers.get("etag")], [
    { currentVersion: null },
    null,
  ]);
});
