/** Tests of the end of a host, a guard or a warden, by SIGKILL or by the program itself. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isRunning, ManagedProcess, ProcTable, sweepProcesses } from "../../../src/process/mod.ts";
import { signalPid } from "../../fixtures/processes/signals.ts";
import { until } from "../../fixtures/until.ts";
import { startGuard } from "../../fixtures/processes/guarded.ts";

const HOST = fileURLToPath(new URL("../../fixtures/processes/guard_host.ts", import.meta.url));

/** Detaches two processes, and waits. */
const JOB = `trap "" TERM
  setsid sh -c 'trap "" TERM; echo one $$; sleep 1000; sleep 1000' &
  (env -i setsid sh -c 'trap "" TERM; echo two $$; sleep 1000; sleep 1000' &)
  sleep 1000; sleep 1000; sleep 1000`;

interface KilledHost {
  readonly host: ManagedProcess;
  readonly pids: Readonly<Record<"guard" | "main" | "one" | "two", number>>;
}

/** Starts a host with a job. */
async function startHost(job = JOB): Promise<KilledHost & AsyncDisposable> {
  const lines: string[] = [];
  const host = ManagedProcess.spawn({
    command: Deno.execPath(),
    args: ["run", "-A", "--lock=tests/deno.lock", HOST, job],
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: Deno.env.get("HOME") ?? "" },
    onLine: (line) => lines.push(line),
  });
  const said = (word: string): Promise<string> =>
    until(
      () => lines.find((it) => it.startsWith(`${word} `))?.slice(word.length + 1) ?? "",
      `${word}; the host said ${lines}`,
      { timeoutMs: 60_000 },
    );
  const [guard, main, one, two] = await Promise.all(
    ["guard", "main", "one", ...(job === JOB ? ["two"] : [])].map(said),
  );
  const root = await said("folder");
  return {
    host,
    pids: { guard: Number(guard), main: Number(main), one: Number(one), two: Number(two ?? one) },
    async [Symbol.asyncDispose](): Promise<void> {
      await host.kill();
      await Deno.remove(root, { recursive: true });
    },
  };
}

Deno.test("Guard: a host killed by SIGKILL takes its guard and all processes of jobs with it", async () => {
  await using at = await startHost();
  // Only the host itself.
  signalPid(at.host.pid, "SIGKILL");
  await until(() => !Object.values(at.pids).some(isRunning), "all are gone");
});

Deno.test("Guard: a guard that is stopped ends with its host all the same", async () => {
  await using at = await startHost();
  signalPid(at.pids.guard, "SIGSTOP");
  signalPid(at.host.pid, "SIGKILL");
  await until(() => !Object.values(at.pids).some(isRunning), "all are gone");
});

Deno.test("Guard: a guard killed by SIGKILL ends all jobs, and the next launch starts another", async () => {
  await using at = await startGuard();
  const jobs = await Promise.all([at.shell(JOB), at.shell(JOB)]);
  const pids = (await Promise.all(jobs.map((it) => it.pids(["one", "two"])))).flat();
  const guard = await at.guardPid();
  signalPid(guard, "SIGKILL");
  for (const { process } of jobs) {
    const end = await process.ended;
    assert.deepEqual([end.cause, end.exit], ["guard_lost", { signal: "SIGKILL" }]);
  }
  assert.deepEqual(at.alive([...pids, ...jobs.map((it) => it.process.pid)]), []);
  const next = await at.shell("echo here");
  assert.deepEqual((await next.process.ended).exit, { code: 0 });
  assert.notEqual(await at.guardPid(), guard);
});

Deno.test("Guard: a launch continues a guard that somebody has stopped", async () => {
  await using at = await startGuard();
  const before = await at.guardPid();
  signalPid(before, "SIGSTOP");
  const it = await at.shell("exit 3");
  assert.deepEqual((await it.process.ended).exit, { code: 3 });
  assert.equal(await at.guardPid(), before);
});

Deno.test("Guard: launches right after the guard was killed are served by another one", async () => {
  await using at = await startGuard();
  for (let i = 0; i < 5; i++) {
    signalPid(await at.guardPid(), "SIGKILL");
    const all = await Promise.all([at.shell("echo 1"), at.shell("echo 2"), at.shell("echo 3")]);
    for (const it of all) assert.deepEqual((await it.process.ended).exit, { code: 0 });
  }
});

for (const signal of ["KILL", "STOP", "TERM"]) {
  Deno.test(`Guard: a program that sends SIG${signal} to its warden ends with all its processes`, async () => {
    await using at = await startGuard();
    const lost = Promise.withResolvers<void>();
    const other = await at.shell("echo up $$; read line; echo done", {
      stdin: new ReadableStream({
        async start(controller): Promise<void> {
          await lost.promise;
          controller.enqueue(new TextEncoder().encode("go\n"));
          controller.close();
        },
      }),
    });
    const it = await at.shell(
      `${JOB.replace("sleep 1000; sleep 1000; sleep 1000", "")}
       while ! [ -e go ]; do sleep 0.01; done; kill -${signal} $PPID; sleep 1000; sleep 1000`,
    );
    const pids = await it.pids(["one", "two"]);
    await Deno.writeTextFile(`${at.folder}/go`, "");
    const end = await it.process.ended;
    assert.equal(end.cause, "guard_lost");
    assert.deepEqual(at.alive([it.process.pid, ...pids]), []);
    // Other jobs of the guard go on.
    lost.resolve();
    assert.deepEqual((await other.process.ended).exit, { code: 0 });
    assert.match(other.stdout(), /done/);
  });
}
Deno.test("Guard: what a program has detached is found after it killed the guard and its warden", async () => {
  await using at = await startGuard();
  const it = await at.shell(`
    (setsid sh -c 'echo one $$; while ! [ -e go ]; do sleep 0.01; done
       kill -9 $1 $2; sleep 1000; sleep 1000' sh ${await at.guardPid()} $PPID &)
    sleep 1000; sleep 1000`);
  const pids = await it.pids(["one"]);
  await Deno.writeTextFile(`${at.folder}/go`, "");
  const end = await it.process.ended;
  assert.equal(end.cause, "guard_lost");
  assert.deepEqual(at.alive([it.process.pid, ...pids]), []);
});

Deno.test("Guard[Symbol.asyncDispose]() kills what still runs", async () => {
  const at = await startGuard();
  const it = await at.shell(JOB);
  const pids = await it.pids(["one", "two"]);
  const guard = await at.guardPid();
  const { ended } = it.process;
  await at[Symbol.asyncDispose]();
  assert.equal((await ended).cause, "stopped");
  assert.deepEqual(at.alive([guard, it.process.pid, ...pids]), []);
  await assert.rejects(at.shell("echo late"), /the guard of script jobs is not running/);
});

Deno.test("sweepProcesses() finds what is left when host, guard and warden were killed at once", async () => {
  await using at = await startHost(
    "setsid sh -c 'echo one $$; sleep 1000; sleep 1000' & sleep 1000",
  );
  const table = new ProcTable();
  const signal = AbortSignal.timeout(20_000);
  const main = (await table.all(signal)).get(at.pids.main);
  assert.ok(main?.runId !== undefined);
  const { runId } = main;
  for (const pid of [at.host.pid, at.pids.guard, main.parent]) signalPid(pid, "SIGSTOP");
  for (const pid of [main.parent, at.pids.guard, at.host.pid]) signalPid(pid, "SIGKILL");
  await until(() => !isRunning(at.host.pid), "the host is gone");
  assert.deepEqual(isRunning(at.pids.one), true);
  const swept = await sweepProcesses({
    runIds: new Set([runId]),
    recorded: [],
    table,
    timeoutMs: 20_000,
  });
  assert.equal(swept.unfinished.size, 0);
  assert.ok(swept.killed.includes(at.pids.one));
  assert.deepEqual(Object.values(at.pids).filter(isRunning), []);
});
