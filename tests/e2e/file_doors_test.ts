/** Tests of files as values through every door: HTTP, the socket, programs and the client. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { SnakedenClient } from "../../src/client/mod.ts";
import { createApp, OpenSockets } from "../../src/routes/mod.ts";
import type { Snakeden } from "../../mod.ts";
import { startFilesDen, untilNoFolders } from "../fixtures/files_den.ts";
import { Project } from "../fixtures/project.ts";
import { SocketClient } from "../routes/socket/socket_client.ts";

/** Serves a host on a free port. */
function serve(den: Snakeden): AsyncDisposable & { readonly url: string } {
  const sockets = new OpenSockets(den.config.limits);
  const app = createApp(den, { version: "1", sockets });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: async () => {
      await sockets.close();
      await server.shutdown();
    },
  };
}

Deno.test("files are given and made over HTTP: JSON, forms, streams and later calls", async () => {
  await using it = await startFilesDen();
  await using server = serve(it.den);
  const { url } = server;
  const put = await fetch(`${url}/v1/files?name=rows.csv`, { method: "PUT", body: "é\n" });
  assert.equal(put.status, 201);
  const { id } = await put.json();
  const headers = { "content-type": "application/json" };
  const post = (path: string, body: unknown, more = {}): Promise<Response> =>
    fetch(url + path, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers: { ...headers, ...more },
    });
  const upper = await post("/v1/execute", { tool: "upper", args: { source: { $file: id } } });
  const { result } = await upper.json();
  assert.deepEqual(result, { $file: result.$file, name: "upper.txt", bytes: 3 });
  const content = await fetch(`${url}/v1/files/${result.$file}/content`);
  assert.equal(await content.text(), "É\n");

  // Numbers beside a file keep their spelling.
  const exact = await post(
    "/v1/execute",
    `{"tool":"anything","args":{"value":{"f":{"$file":"${id}"},"n":123456789012345678901}}}`,
  );
  assert.match(await exact.text(), /"n":123456789012345678901/);
  // An object with the key that is no file is written as it is.
  const escaped = { $snakeden: "object", value: { $file: 7 } };
  const own = await post("/v1/execute", { tool: "anything", args: { value: escaped } });
  assert.deepEqual((await own.json()).result, { $file: 7 });

  const form = new FormData();
  form.set("source", new Blob([JSON.stringify({ $file: id })], { type: "application/json" }));
  const sent = await fetch(`${url}/v1/execute?tool=content`, { method: "POST", body: form });
  assert.equal((await sent.json()).result, "é\n");

  const stream = await post("/v1/stream", { tool: "split", args: { source: { $file: id } } });
  assert.match(await stream.text(), /event: chunk[^]*"\$file":"[^"]+","name":"0\.txt","bytes":3/);

  for (
    const [value, status, code, path] of [
      [{ $file: "nothing" }, 404, "unknown_file", "args.value"],
      [{ $file: 7 }, 400, "invalid_input", "args.value.$file"],
      [{ $file: id, x: 1 }, 400, "invalid_input", "args.value"],
      [{ $snakeden: "file", id, path: "/etc/passwd" }, 400, "invalid_input", "args.value"],
    ] as const
  ) {
    for (const door of ["/v1/execute", "/v1/jobs"]) {
      const refused = await post(door, { tool: "anything", args: { value } });
      const problem = await refused.json();
      assert.equal(refused.status, status, JSON.stringify(problem));
      assert.equal(problem.code, code);
      assert.match(problem.detail, new RegExp(path.replaceAll(/[.$]/g, "\\$&")));
    }
  }
  await untilNoFolders(it.dataDir);
});

Deno.test("the artifacts of a job are listed and downloaded, also in parts", async () => {
  await using it = await startFilesDen();
  await using server = serve(it.den);
  const source = await it.add("a,b");
  const job = await it.den.jobs.submit({ tool: "artifacts", args: { source } });
  await job.done();
  const base = `${server.url}/v1/jobs/${job.id}/artifacts`;
  const { artifacts } = await (await fetch(base)).json();
  assert.deepEqual(artifacts.map((file: { name: string }) => file.name), [
    "part-1.csv",
    "part-0.csv",
  ]);
  const page = await (await fetch(`${base}?limit=1`)).json();
  assert.equal(page.artifacts.length, 1);
  const next = await (await fetch(`${base}?cursor=${encodeURIComponent(page.cursor)}`)).json();
  assert.deepEqual(next.artifacts, artifacts.slice(1));
  const part = await fetch(`${base}/part-1.csv`, { headers: { range: "bytes=2-" } });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get("content-type"), "text/csv");
  assert.equal(part.headers.get("content-range"), "bytes 2-4/5");
  assert.equal(await part.text(), "a,b");
  const head = await fetch(`${base}/part-1.csv`, { method: "HEAD" });
  assert.equal(head.headers.get("content-length"), "5");
  for (
    const [path, status, code] of [
      [`${base}/nothing.csv`, 404, "unknown_file"],
      [`${server.url}/v1/jobs/nothing/artifacts`, 404, "unknown_job"],
      [`${server.url}/v1/jobs/nothing/artifacts/a`, 404, "unknown_job"],
      [`${base}?limit=0`, 400, "invalid_input"],
      [`${base}?colour=red`, 400, "invalid_input"],
    ] as const
  ) {
    const refused = await fetch(path);
    assert.equal(refused.status, status, path);
    assert.equal((await refused.json()).code, code);
  }
  const past = await fetch(`${base}/part-1.csv`, { headers: { range: "bytes=9-" } });
  assert.equal(past.status, 416);
  await past.body?.cancel();
});

Deno.test("files are given over the socket", async () => {
  await using it = await startFilesDen();
  await using server = serve(it.den);
  await using client = await SocketClient.open(server.url);
  const source = await it.add("over the socket");
  client.send({ type: "call", id: 1, tool: "content", args: { source } });
  assert.equal((await client.next()).result, "over the socket");
  client.send({ type: "call", id: 2, tool: "content", args: { source: { $file: "nothing" } } });
  const { problem } = await client.next();
  assert.equal((problem as { code: string }).code, "unknown_file");
});

Deno.test("files are given to programs, by their own arguments and by those of a run", async () => {
  await using it = await startFilesDen();
  const source = await it.add("of a program");
  await it.den.programs.put("read", { tool: "content", args: { source } });
  assert.equal(await it.den.programs.run("read"), "of a program");
  const other = await it.add("of the run");
  assert.equal(await it.den.programs.run("read", { source: other }), "of the run");
});

Deno.test("the client gives, gets and lists files as the library does", async () => {
  await using it = await startFilesDen();
  await using server = serve(it.den);
  const client = new SnakedenClient({ baseUrl: server.url });
  const { id } = await client.files.add(new TextEncoder().encode("é"), { name: "a.txt" });
  const made = await client.execute("upper", { source: { $file: id } }) as { $file: string };
  assert.equal(await new Response(await client.files.open(made.$file)).text(), "É");
  const job = await client.jobs.submit({ tool: "artifacts", args: { source: made } });
  await job.done();
  assert.deepEqual(await client.jobs.artifacts(job.id), await it.den.jobs.artifacts(job.id));
  const page = await client.jobs.artifacts(job.id, { limit: 1 });
  assert.equal(page.items.length, 1);
  assert(page.cursor);
  await assert.rejects(client.jobs.artifacts("nothing"), { code: "unknown_job" });
  await assert.rejects(client.execute("content", { source: { $file: "nothing" } }), {
    code: "unknown_file",
    message: /args\.source/,
  });
});

Deno.test("den.files.add() hashes a large file in a user's project, whose deno.json lacks worker-options", async () => {
  const main = `
import { Snakeden } from "snakeden";
await using den = await Snakeden.start({ pools: [{ name: "default", size: 1 }], jobs: {} });
const { bytes, sha256 } = await den.files.add(new Uint8Array(20_000_000));
console.log(bytes, sha256);
`;
  await using project = await Project.create({ "main.ts": main });
  const { code, stdout, stderr } = await project.run("main.ts", { flags: ["-A"] });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const hash = createHash("sha256").update(new Uint8Array(20_000_000)).digest("hex");
  assert.equal(stdout, `20000000 ${hash}\n`);
});
