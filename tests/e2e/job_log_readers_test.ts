/** Readers of the log of a job that read nothing, or leave, and hosts that end under readers. */
import assert from "node:assert/strict";
import { type LogLine, SnakedenClient } from "../../src/client/mod.ts";
import { deadUrl } from "../client/fake_host.ts";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";

const LINES = 30_000;
const CHARS = 1_000;
const MIB = 2 ** 20;
const STATUS = "HTTP/1.1 200";

/** The config of a server with the adapter that is hard on logs. */
async function writeConfig(dir: string): Promise<string> {
  const path = `${dir}/snakeden.config.json`;
  const pools = [{
    name: "default",
    size: 1,
    adapter: ["writes_hard_logs", "writes_logs"],
    modulePaths: [ADAPTERS],
  }];
  await Deno.writeTextFile(
    path,
    JSON.stringify({ pools, jobs: { maxLogBytes: 64 * MIB } }),
  );
  return path;
}

async function submit(url: string, tool: string, args: object): Promise<string> {
  const response = await fetch(`${url}/v1/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tool, args }),
  });
  assert.equal(response.status, 201);
  return (await response.json()).id;
}

async function rssOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

/** Sends a request, and reads no more than the status of its answer. */
async function ask(url: string, path: string): Promise<Deno.Conn> {
  const { hostname, port, host } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  const status = new Uint8Array(STATUS.length);
  for (let at = 0; at < status.length;) {
    at += await connection.read(status.subarray(at)) ?? status.length;
  }
  assert.equal(new TextDecoder().decode(status), STATUS);
  return connection;
}

Deno.test({
  name:
    "readers of a log that never read hold up neither its job nor other readers, and take no memory",
  ignore: Deno.build.os !== "linux",
  async fn(): Promise<void> {
    await using dir = await tempDir();
    const config = await writeConfig(dir.path);
    await using server = await ServerProcess.start({
      dataDir: dir.path,
      env: { SNAKEDEN_CONFIG: config, SNAKEDEN_LOG_LEVEL: "warning" },
    });
    const { url, pid } = server;
    const warm = await submit(url, "write_wide", { count: 3_000, chars: CHARS });
    assert.equal((await (await fetch(`${url}/v1/jobs/${warm}?wait=30`)).json()).state, "completed");
    await (await fetch(`${url}/v1/jobs/${warm}/logs`)).text();
    const before = await rssOf(pid);
    let most = before;
    const sample = async (): Promise<void> => {
      most = Math.max(most, await rssOf(pid));
    };

    const id = await submit(url, "write_wide", { count: LINES, chars: CHARS });
    const path = `/v1/jobs/${id}/logs`;
    // Some follow from the start, others ask for all that is there when it has ended.
    const idle = await Promise.all(
      ["", "?format=text", "?format=ndjson"].flatMap((query) =>
        Array.from({ length: 4 }, () => ask(url, path + query))
      ),
    );
    await until(
      async () => {
        await sample();
        return (await (await fetch(`${url}/v1/jobs/${id}`)).json()).state === "completed";
      },
      "the job to end",
      { timeoutMs: 120_000 },
    );
    idle.push(
      ...await Promise.all(
        Array.from({ length: 8 }, () => ask(url, `${path}?follow=false`)),
      ),
    );

    // One that reads gets everything, flat in memory.
    let [next, rest] = [0, ""];
    const answer = await fetch(`${url}${path}?follow=false&format=text`);
    assert.ok(answer.body !== null);
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (/^\S+ host /.test(line)) continue;
        assert.match(line, new RegExp(`^\\S+ stdout: ${next} x{${CHARS}}$`));
        next++;
      }
      await sample();
    }
    assert.equal(next, LINES);

    for (const connection of idle) connection.close();
    // All of them together would have had to hold 20 logs of 30 MB.
    const growth = (most - before) / MIB;
    assert.ok(growth < 300, `${Math.round(growth)} MiB`);
  },
});

Deno.test("a log is followed over kill -9 of its host, in the middle of the output of an attempt", async () => {
  await using dir = await tempDir();
  const config = await writeConfig(dir.path);
  // The same port for both runs.
  const env = { SNAKEDEN_CONFIG: config, SNAKEDEN_PORT: new URL(deadUrl()).port };
  const start = (): Promise<ServerProcess> => ServerProcess.start({ dataDir: dir.path, env });
  await using first = await start();
  await using client = new SnakedenClient({ baseUrl: first.url });
  const job = await client.jobs.submit({ tool: "write_slowly", args: { seconds: 3 } });
  const lines: LogLine[] = [];
  const following = (async () => {
    for await (const line of job.logs()) lines.push(line);
  })();
  await until(() => lines.length > 20, "lines of the first attempt");
  first.kill("SIGKILL");
  await first.finished();
  await using _second = await start();
  await following;
  // No line that was seen is missing or different later, and each came once.
  assert.deepEqual(await Array.fromAsync(job.logs({ follow: false })), lines);
  assert.deepEqual(lines.map(({ n }) => n), lines.map((_, i) => i + 1));
  const runs = [...new Set(lines.map(({ run }) => run))];
  assert.equal(runs.length, 2);
  for (const run of runs) {
    const steps = lines.filter((it) => it.run === run && it.source === "stdout");
    assert.ok(steps.length > 10);
    assert.deepEqual(steps.map(({ text }) => text), steps.map((_, i) => `step ${i}`));
  }
});
