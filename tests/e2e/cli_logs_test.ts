/** Follows the log of a job that prints, by the command line, in a terminal and in a pipe. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenClient } from "../../src/client/mod.ts";
import { ADAPTERS, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";

const DENO = Deno.execPath();
const STEP = /^\d{4}-\d\d-\d\dT[\d:.]{12}Z stdout: step (\d+)$/;

async function server(dataDir: string): Promise<ServerProcess> {
  const config = join(dataDir, "snakeden.config.json");
  const pool = { name: "default", size: 1, adapter: "writes_logs", modulePaths: [ADAPTERS] };
  await Deno.writeTextFile(config, JSON.stringify({ pools: [pool] }));
  return await ServerProcess.start({ dataDir, env: { SNAKEDEN_CONFIG: config } });
}

async function pipe(script: string, url: string): Promise<readonly [number, string, string]> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["-c", `job() { "${DENO}" task -q job "$@"; }; ${script}`],
    cwd: ROOT,
    env: { NO_COLOR: "1", SNAKEDEN_URL: url },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return [code, text(stdout), text(stderr)];
}

Deno.test("deno task job logs follows a job that prints, in a terminal and in a pipe", async () => {
  await using dir = await tempDir();
  await using host = await server(dir.path);
  await using client = new SnakedenClient({ baseUrl: host.url });
  const env = { SNAKEDEN_URL: host.url, NO_COLOR: "" };
  const follow = async (id: string): Promise<Terminal> =>
    await Terminal.open([DENO, "task", "-q", "job", "logs", id, "-f"], { env, columns: 20 });

  await client.jobs.submit({ tool: "write_slowly", args: { seconds: 600 }, id: "long" });
  await using stopped = await follow("long");
  // deno-lint-ignore no-control-regex
  await stopped.shows(/\x1b\[2m[\d:TZ.-]+\x1b\[0m stdout: step 1\n/);
  await stopped.pressCtrlC();
  assert.equal(await stopped.finished(), 130);
  assert.doesNotMatch(stopped.output, /error|goes on/);
  assert.equal((await client.jobs.get("long")).state, "running");

  const [code, stdout, stderr] = await pipe(
    "job logs long -f | head -n 1; exit ${PIPESTATUS[0]}",
    host.url,
  );
  assert.deepEqual([code, stdout.split("\n").length, stderr], [0, 2, ""]);

  await using following = await follow("long");
  await following.shows(/stdout: step 3\n/);
  await client.jobs.cancel("long");
  assert.equal(await following.finished(), 0);
  assert.match(following.output, /host info: .*cancel.*\n$/);

  await client.jobs.submit({ tool: "write_slowly", args: { seconds: 1 }, id: "short" });
  const [, text] = await pipe("job logs short --follow --source stdout", host.url);
  const steps = text.trimEnd().split("\n").map((it) => Number(STEP.exec(it)?.[1]));
  assert.ok(steps.length > 5);
  assert.deepEqual(steps, steps.map((_, i) => i));
  assert.equal((await client.jobs.get("short")).state, "completed");
});
