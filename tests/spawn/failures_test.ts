/** Tests starts that fail, starts that are ended, and hosts that die. */
import assert from "node:assert/strict";
import { isAlive } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { hasNode, Workplace } from "./program.ts";

const ignore = !hasNode();

/** Runs a program that must end with 0. */
function nodeTest(name: string, fn: (place: Workplace) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    fn: async () => {
      await using place = await Workplace.open();
      await fn(place);
      await place.nothingIsLeft();
    },
  });
}

nodeTest("calls fail with the reason when their host is killed", async (place) => {
  await using program = await place.run(`
const den = await spawn();
const stream = den.stream("naps", { seconds: 600 });
const iterator = stream[Symbol.asyncIterator]();
const { value: worker } = await iterator.next();
const pending = [den.execute("nap", { seconds: 600 }), iterator.next()];
await new Promise((resolve) => setTimeout(resolve, 300));
const outcomes = Promise.allSettled(pending);
process.kill(den.pid, "SIGKILL");
const [call, chunk] = (await outcomes).map(({ reason }) => texts(reason));
const later = await den.execute("nap", { seconds: 0 }).catch(texts);
const end = await den.exited;
await den.stop();
say("done", { worker, call, chunk, later, end, pid: den.pid });
`);
  const { worker, call, chunk, later, end, pid } = await program.says("done") as unknown as Record<
    string,
    { readonly code: string; readonly message: string }
  >;
  assert.equal((await program.finished()).code, 0, program.output);
  const reason = new RegExp(`the host \\(process ${pid}\\) was ended by SIGKILL`);
  for (const error of [call, chunk]) {
    assert.equal(error?.code, "connection_lost");
    assert.match(error?.message ?? "", reason);
  }
  assert.equal(later?.code, "host_unreachable");
  assert.match(later?.message ?? "", reason);
  assert.deepEqual(end, { exitCode: null, signal: "SIGKILL" });
  await until(() => !isAlive(Number(worker)), "the worker to end");
});

nodeTest(
  "a second host with the same data directory is refused, the first one goes on",
  async (place) => {
    await using program = await place.run(`
const first = await spawn();
const error = await spawn().catch(texts);
const result = await first.execute("nap", { seconds: 0 });
await first.stop();
say("done", { error, result });
`);
    const { error, result } = await program.says("done");
    const { code, message } = error as { code: string; message: string };
    assert.equal(code, "startup_failed");
    assert.match(message, /^Cannot start a host: it ended with status 1; its last output:\n/);
    assert.match(message, /data/);
    assert.equal(result, "slept");
  },
);

nodeTest("a start fails when the port is taken", async (place) => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await using program = await place.run(`
say("done", { error: await spawn({ port: ${port} }).catch(texts) });
`);
  const { error } = await program.says("done");
  const { code, message } = error as { code: string; message: string };
  assert.equal(code, "startup_failed");
  assert.match(message, new RegExp(`${port}`));
});

nodeTest(
  "a start fails with what is wrong with the configuration or the adapter",
  async (place) => {
    await Deno.writeTextFile(`${place.path}/broken.py`, "raise ValueError('on purpose')\n");
    await using program = await place.run(`
const pools = [{ name: "default", size: 1, adapter: "broken" }];
const failures = [];
for (const config of [{ pols: [] }, { dataDir: "data", pools }, "no_such.config.ts"]) {
  failures.push(await spawn({ config }).catch(texts));
}
say("done", { failures });
`);
    const { failures } = await program.says("done");
    const [key, adapter, file] = failures as { code: string; message: string }[];
    assert.equal(key?.code, "startup_failed");
    assert.match(key?.message ?? "", /ended with status 78.*pols/s);
    assert.equal(adapter?.code, "startup_failed");
    assert.match(adapter?.message ?? "", /ended with status 1.*ValueError: on purpose/s);
    assert.match(file?.message ?? "", /no_such\.config\.ts.*no such file/s);
  },
);

nodeTest("a configuration file may have what JSON cannot hold", async (place) => {
  const pools = `[{ name: "default", size: Math.min(1, 2), adapter: "naps" }]`;
  await Deno.writeTextFile(`${place.path}/my.config.ts`, `export default { pools: ${pools} };`);
  await using program = await place.run(`
const den = await spawn({ config: "my.config.ts", dataDir: "data" });
say("done", { workers: (await den.workers.list()).length });
await den.stop();
`);
  assert.equal((await program.says("done")).workers, 1);
});

nodeTest("a signal and a time limit end a start in the middle", async (place) => {
  await Deno.writeTextFile(
    `${place.path}/slow_import.py`,
    'import time\nprint("import begins", flush=True)\ntime.sleep(600)\n',
  );
  await using program = await place.run(`
const config = { dataDir: "data", pools: [{ name: "default", size: 1, adapter: "slow_import" }] };
const reason = new Error("changed my mind");
const aborting = new AbortController();
const onLog = ({ message }) => message.includes("import begins") && aborting.abort(reason);
const aborted = await spawn({ config, onLog, signal: aborting.signal }).catch((error) => error);
say("aborted", { isReason: aborted === reason });
const early = await spawn({ signal: AbortSignal.abort(reason) }).catch((error) => error);
const late = await spawn({ config, readyTimeoutMs: 1_500 }).catch(texts);
say("done", { isReason: early === reason, late });
`);
  assert.equal((await program.says("aborted")).isReason, true);
  const { isReason, late } = await program.says("done");
  assert.equal(isReason, true);
  assert.match(
    (late as { message: string }).message,
    /^Cannot start a host: it was not ready within 1500 ms/,
  );
});

nodeTest("the API key is random, and in no command line", async (place) => {
  await using program = await place.run(`
const den = await spawn();
const other = await spawn({ config: { ...options.config, dataDir: "data2" } });
const refused = await fetch(den.url + "/v1/tools").then(({ status }) => status);
const allowed = await fetch(den.url + "/v1/tools", {
  headers: { authorization: "Bearer " + den.apiKey },
}).then(({ status }) => status);
const { inspect } = await import("node:util");
const shown = inspect(den, { depth: 10, showHidden: true }).includes(den.apiKey);
say("done", { key: den.apiKey, other: other.apiKey, refused, allowed, shown, pid: den.pid });
await new Promise((resolve) => setTimeout(resolve, 600_000));
`);
  const { key, other, refused, allowed, shown, pid } = await program.says("done");
  assert.match(String(key), /^[0-9a-f]{64}$/);
  assert.notEqual(key, other);
  assert.deepEqual([refused, allowed, shown], [401, 200, false]);
  const line = await Deno.readTextFile(`/proc/${pid}/cmdline`);
  assert.ok(line.includes("main.ts") && !line.includes(String(key)), line);
  program.kill("SIGKILL");
  await program.finished();
});
