import assert from "node:assert/strict";
import { type ProcessInfo, type ProcessTable, ProcTable } from "../../src/process/process_table.ts";
import { killGroup } from "../../src/process/process_group.ts";
import { sweepProcesses } from "../../src/process/sweep.ts";
import { isAlive } from "../fixtures/host.ts";
import { MarkedProcess } from "../fixtures/processes/marked_process.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const NEVER = new AbortController().signal;
const TIMEOUT_MS = 30_000;
const table = new ProcTable();

function newRunId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

async function startTimeOf(pid: number): Promise<string> {
  return (await table.startTimes([pid], NEVER)).get(pid) ?? "";
}

Deno.test("sweepProcesses() kills every process with the mark of a dead run, and no other", async () => {
  const [dead, living] = [newRunId(), newRunId()];
  await using worker = new MarkedProcess({ runId: dead });
  await using ofLiving = new MarkedProcess({ runId: living });
  await using unmarked = new MarkedProcess();
  const { killed, unfinished, problem } = await sweepProcesses({
    runIds: new Set([dead]),
    recorded: [{ runId: dead, pid: worker.pid, startTime: await startTimeOf(worker.pid) }],
    table,
    timeoutMs: TIMEOUT_MS,
  });
  assert.deepEqual([...killed], [worker.pid]);
  assert.deepEqual([unfinished.size, problem], [0, undefined]);
  assert.deepEqual([worker.alive, ofLiving.alive, unmarked.alive], [false, true, true]);
});

Deno.test("sweepProcesses() spares a process with a recorded pid, but another start time and no mark", async () => {
  const dead = newRunId();
  await using stranger = new MarkedProcess();
  const { killed } = await sweepProcesses({
    runIds: new Set([dead]),
    recorded: [
      { runId: dead, pid: stranger.pid, startTime: "boot/1" },
      // Even with the right start time, a process without the mark is not ours.
      { runId: dead, pid: stranger.pid, startTime: await startTimeOf(stranger.pid) },
    ],
    table,
    timeoutMs: TIMEOUT_MS,
  });
  assert.deepEqual([killed.length, stranger.alive], [0, true]);
});

Deno.test("sweepProcesses() kills the group of a recorded worker, even members that have dropped the mark", async () => {
  const dead = newRunId();
  await using worker = new MarkedProcess({
    runId: dead,
    script: "env -u SNAKEDEN_RUN_ID sh -c 'echo child $$; exec sleep 300' & wait",
  });
  const child = await worker.printed("child");
  await sweepProcesses({
    runIds: new Set([dead]),
    recorded: [{ runId: dead, pid: worker.pid, startTime: await startTimeOf(worker.pid) }],
    table,
    timeoutMs: TIMEOUT_MS,
  });
  assert.equal(worker.alive, false);
  await until(() => !isAlive(child), "the child to be gone");
});

Deno.test("sweepProcesses() spares the group of a process that was not recorded with that start time", async () => {
  const dead = newRunId();
  await using worker = new MarkedProcess({
    runId: dead,
    script: "env -u SNAKEDEN_RUN_ID sh -c 'echo child $$; exec sleep 300' & wait",
  });
  const child = await worker.printed("child");
  await sweepProcesses({
    runIds: new Set([dead]),
    recorded: [{ runId: dead, pid: worker.pid, startTime: "boot/1" }],
    table,
    timeoutMs: TIMEOUT_MS,
  });
  assert.deepEqual([worker.alive, isAlive(child)], [false, true]);
});

Deno.test("sweepProcesses() finds children with a session of their own", async () => {
  const dead = newRunId();
  await using worker = new MarkedProcess({
    runId: dead,
    script:
      "setsid sh -c 'echo child $$; setsid sh -c \"echo grandchild \\$\\$; exec sleep 300\" & wait' & wait",
  });
  const child = await worker.printed("child");
  const grandchild = await worker.printed("grandchild");
  // The worker itself is already gone, as after the end of its host.
  killGroup(worker.pid);
  await worker.ended();
  const { killed } = await sweepProcesses({
    runIds: new Set([dead]),
    recorded: [],
    table,
    timeoutMs: TIMEOUT_MS,
  });
  for (const pid of [child, grandchild]) {
    assert.ok(killed.includes(pid), `${pid}`);
    assert.equal(isAlive(pid), false);
  }
});

Deno.test("sweepProcesses() kills a process that ignores SIGTERM, and one that is stopped", async () => {
  const dead = newRunId();
  await using deaf = new MarkedProcess({
    runId: dead,
    script: "trap '' TERM; echo deaf 1; while :; do sleep 1; done",
  });
  await using stopped = new MarkedProcess({ runId: dead });
  await deaf.printed("deaf");
  signalPid(stopped.pid, "SIGSTOP");
  await sweepProcesses({ runIds: new Set([dead]), recorded: [], table, timeoutMs: TIMEOUT_MS });
  assert.deepEqual([deaf.alive, stopped.alive], [false, false]);
});

/** A table of invented processes. Killing one of them has no effect. */
function tableOf(processes: readonly ProcessInfo[], times = processes): ProcessTable {
  return {
    all: () => Promise.resolve(new Map(processes.map((it) => [it.pid, it]))),
    startTimes: () => Promise.resolve(new Map(times.map((it) => [it.pid, it.startTime]))),
  };
}

Deno.test("sweepProcesses() spares this process, its ancestors and its group, whatever their marks", async () => {
  const dead = newRunId();
  // A process with a group of its own, which the table reports as ours.
  await using outer = new MarkedProcess({ script: "sleep 300 & echo child $!; exec sleep 300" });
  const child = await outer.printed("child");
  const info = (pid: number, parent: number): ProcessInfo => ({
    pid,
    parent,
    group: outer.pid,
    startTime: "boot/1",
    runId: dead,
  });
  const all = [info(Deno.pid, outer.pid), info(outer.pid, 1), info(child, outer.pid)];
  const { killed } = await sweepProcesses({
    runIds: new Set([dead]),
    recorded: all.map(({ pid, startTime }) => ({ runId: dead, pid, startTime })),
    table: tableOf(all),
    timeoutMs: 100,
  });
  assert.deepEqual([...killed], [child]);
  assert.equal(outer.alive, true);
});

Deno.test("sweepProcesses() does not kill a process whose pid was reused since it was found", async () => {
  const dead = newRunId();
  await using stranger = new MarkedProcess();
  const found = {
    pid: stranger.pid,
    parent: 1,
    group: stranger.pid,
    startTime: "boot/1",
    runId: dead,
  };
  const { killed, unfinished } = await sweepProcesses({
    runIds: new Set([dead]),
    recorded: [{ runId: dead, pid: stranger.pid, startTime: "boot/1" }],
    table: tableOf([found], [{ ...found, startTime: "boot/2" }]),
    timeoutMs: 100,
  });
  assert.deepEqual([killed.length, stranger.alive], [0, true]);
  assert.deepEqual([...unfinished], [dead]);
});

Deno.test("sweepProcesses() ends although the system does not answer, and returns the unfinished runs", async () => {
  const dead = newRunId();
  const { unfinished, problem } = await sweepProcesses({
    runIds: new Set([dead]),
    recorded: [],
    table: {
      all: (signal) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      startTimes: () => Promise.resolve(new Map()),
    },
    timeoutMs: 50,
  });
  assert.deepEqual([[...unfinished], problem], [[dead], "not done after 50 ms"]);
});

Deno.test("sweepProcesses() returns the reason if processes cannot be listed", async () => {
  const { unfinished, problem } = await sweepProcesses({
    runIds: new Set(["a"]),
    recorded: [],
    table: {
      all: () => Promise.reject(new Error("no such program: sh")),
      startTimes: () => Promise.resolve(new Map()),
    },
    timeoutMs: TIMEOUT_MS,
  });
  assert.deepEqual([[...unfinished], problem], [["a"], "no such program: sh"]);
});

Deno.test("sweepProcesses() lists no processes if there is no dead run", async () => {
  const result = await sweepProcesses({
    runIds: new Set(),
    recorded: [],
    table: { all: () => assert.fail("looked"), startTimes: () => assert.fail("looked") },
    timeoutMs: TIMEOUT_MS,
  });
  assert.deepEqual([result.killed, result.unfinished.size], [[], 0]);
});
