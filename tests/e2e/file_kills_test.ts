/** Tests of what a killed host leaves of the files of its calls: nothing, after the next start. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ADAPTERS, ServerProcess, tempDir } from "../fixtures/host.ts";
import { filesOfCalls, untilNoFolders } from "../fixtures/files_den.ts";
import { until } from "../fixtures/until.ts";

Deno.test("the folders of calls of a killed host go at the next start, and its job runs again with its file", async () => {
  await using dir = await tempDir();
  const config = join(dir.path, "snakeden.config.json");
  const pools = [{ name: "default", size: 1, adapter: "files_at_work", modulePaths: [ADAPTERS] }];
  await Deno.writeTextFile(config, JSON.stringify({ pools, jobs: { leaseMs: 2_000 } }));
  const options = { dataDir: join(dir.path, "data"), env: { SNAKEDEN_CONFIG: config } };
  const post = (url: string, body: unknown): Promise<Response> =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  let id = "";
  {
    await using server = await ServerProcess.start(options);
    const put = await fetch(`${server.url}/v1/files?name=a.txt`, { method: "PUT", body: "kept" });
    const file = await put.json();
    const args = { wait: true, source: { $file: file.id } };
    id = (await (await post(`${server.url}/v1/jobs`, { tool: "half", args })).json()).id;
    await until(async () => {
      const paths = await filesOfCalls(options.dataDir);
      return ["half.txt", "a.txt"].every((name) => paths.some((it) => it.endsWith(`/${name}`)));
    }, "a file is given and another one is half made");
    server.kill("SIGKILL");
    await server.finished();
  }
  assert.notDeepEqual(await filesOfCalls(options.dataDir), []);
  await using server = await ServerProcess.start(options);
  // The job runs again, in a folder of the new run.
  await until(async () => {
    const paths = await filesOfCalls(options.dataDir);
    const runs = new Set(paths.map((it) => it.split("/files/")[0]));
    return runs.size === 1 && paths.some((it) => it.endsWith("/half.txt"));
  }, "only the folders of the job in its new run are there");
  const cancelled = await post(`${server.url}/v1/jobs/${id}/cancel`, {});
  await cancelled.body?.cancel();
  await untilNoFolders(options.dataDir);
  const { artifacts } = await (await fetch(`${server.url}/v1/jobs/${id}/artifacts`)).json();
  assert.deepEqual(artifacts, []);
  const { files } = await (await fetch(`${server.url}/v1/files`)).json();
  assert.deepEqual(files.map((it: { name: string }) => it.name), ["a.txt"]);
});
