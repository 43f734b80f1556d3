import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type ProcessTable, ProcTable, PsTable } from "../../src/process/process_table.ts";
import { SERVE } from "../fixtures/host.ts";
import { MarkedProcess } from "../fixtures/processes/marked_process.ts";
import { until } from "../fixtures/until.ts";

const NEVER = new AbortController().signal;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function newRunId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

const TABLES: readonly [string, ProcessTable][] = [
  ["ProcTable", new ProcTable()],
  ["PsTable", new PsTable("e")],
];

for (const [name, table] of TABLES) {
  Deno.test(`${name}.all() returns parent, group, start time and run of each process`, async () => {
    const runId = newRunId();
    await using leader = new MarkedProcess({ runId });
    await using plain = new MarkedProcess({ leads: false });
    const all = await until(async () => {
      const all = await table.all(NEVER);
      return all.get(leader.pid)?.runId !== undefined && all.get(plain.pid)?.group !== plain.pid &&
        all;
    }, "both");
    const found = all.get(leader.pid);
    assert.deepEqual([found?.parent, found?.group], [Deno.pid, leader.pid]);
    assert.equal(found?.runId, runId);
    assert.equal(all.get(plain.pid)?.group, all.get(Deno.pid)?.group);
    assert.equal(all.get(plain.pid)?.runId, undefined);
    const times = await table.startTimes([leader.pid, plain.pid], NEVER);
    assert.equal(times.get(leader.pid), found?.startTime);
    assert.equal(times.get(plain.pid), all.get(plain.pid)?.startTime);
  });

  Deno.test(`${name}.startTimes() omits processes that are gone`, async () => {
    await using gone = new MarkedProcess({ script: "exit 0" });
    await gone.ended();
    const times = await table.startTimes([gone.pid, Deno.pid], NEVER);
    assert.deepEqual([...times.keys()], [Deno.pid]);
    assert.deepEqual(await table.startTimes([], NEVER), new Map());
  });

  Deno.test(`${name} counts a zombie as gone`, async () => {
    // After exec, the program does not reap the child of the shell.
    await using parent = new MarkedProcess({ script: "sh -c 'echo child $$' & exec sleep 300" });
    const child = await parent.printed("child");
    await until(async () => {
      const stat = await Deno.readTextFile(`/proc/${child}/stat`);
      return stat.includes(") Z ");
    }, "the child to be a zombie");
    assert.equal((await table.all(NEVER)).has(child), false);
    assert.equal((await table.startTimes([child], NEVER)).has(child), false);
  });

  Deno.test(`${name} stops when its signal aborts`, async () => {
    const aborted = AbortSignal.abort(new Error("late"));
    await assert.rejects(table.all(aborted), { message: "late" });
    await assert.rejects(table.startTimes([1], aborted), { message: "late" });
  });
}

Deno.test("ProcTable reads the mark from the environment, and not from arguments or names", async () => {
  const runId = newRunId();
  const table = new ProcTable();
  await using other = new MarkedProcess({ script: `: SNAKEDEN_RUN_ID=${runId}; sleep 300` });
  // A process whose name looks like the line of another one: `) S 1 1` and so on, with a line feed.
  await using _odd = new MarkedProcess({
    runId,
    script: `printf 'x) Z 1\\n1 (y' > /proc/$$/comm; echo named 1; while :; do sleep 1; done`,
  });
  await _odd.printed("named");
  const all = await table.all(NEVER);
  assert.equal(all.get(other.pid)?.runId, undefined);
  assert.equal(all.get(_odd.pid)?.runId, runId);
  assert.equal(all.get(_odd.pid)?.parent, Deno.pid);
  assert.notEqual(all.get(1)?.group, undefined);
});

Deno.test("ProcTable works with the permissions of deno task serve", async () => {
  const runId = newRunId();
  await using marked = new MarkedProcess({ runId });
  const script = `
    import { ProcTable } from "${ROOT}src/process/mod.ts";
    const table = new ProcTable();
    const signal = AbortSignal.timeout(60_000);
    const info = (await table.all(signal)).get(${marked.pid});
    const time = (await table.startTimes([${marked.pid}], signal)).get(${marked.pid});
    console.log(info?.runId, time !== undefined && info?.startTime === time);
  `;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, script);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...SERVE, `--config=${ROOT}deno.json`, "--allow-write=/tmp", file],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(text, `${runId} true\n`, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(file);
  }
});
