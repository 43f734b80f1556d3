/**
 * Jobs while their host and its workers are killed by SIGKILL at any time. A ledger that the tools
 * write shows what really ran. `deno task test --long` runs 10,000 jobs through 20 kills of the
 * host and 200 of workers.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Job } from "../../mod.ts";
import { Random } from "../chaos/random.ts";
import { isAlive, tempDir, workersOf } from "../fixtures/host.ts";
import {
  assertNeverTwiceAtOnce,
  ledgerLength,
  type LedgerLine,
  ledgerLines,
} from "../fixtures/jobs/job_ledger.ts";
import { JobHostProcess, ledgerOf, numbered } from "../fixtures/jobs/job_host_process.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

const HOST_KILLS = Number(Deno.env.get("SNAKEDEN_JOB_KILLS") ?? 2);
const IS_LONG = HOST_KILLS > 2;
const JOBS = IS_LONG ? 500 * HOST_KILLS : 300;
const WORKER_KILLS = IS_LONG ? 10 * HOST_KILLS : 5;
const SEED = Number(Deno.env.get("SNAKEDEN_TEST_SEED") ?? Math.floor(Math.random() * 2 ** 32));
const LEASE_MS = 2_000;

/** Kills a random worker of the host; returns false if there is none. */
function killWorker(dir: string, random: Random): boolean {
  const pid = random.pick(workersOf({ connect: join(dir, "data") }));
  if (pid === undefined) return false;
  try {
    signalPid(pid, "SIGKILL");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test(`${JOBS} jobs survive ${HOST_KILLS} SIGKILLs of the host and ${WORKER_KILLS} of workers: none is lost, none that ended runs again, and the attempts add up`, async () => {
  console.log(`SNAKEDEN_TEST_SEED=${SEED}`);
  const random = new Random(SEED);
  await using dir = await tempDir();
  const ledger = ledgerOf(dir.path);
  const inputOf = (key: number) => ({
    tool: "work",
    args: { key, seconds: random.below(20) / 1_000 },
    maxAttempts: 1_000,
    retry: { minMs: 5, maxMs: 50 },
  });
  const acknowledged = new Map<number, string>();
  /** Of each job that had ended, the number of lines of the ledger at that time. */
  const endedAt = new Map<string, number>();
  let jobs: Job[] = [];
  let workersKilled = 0;
  for (let kill = 0; kill <= HOST_KILLS; kill++) {
    const from = Math.min(...missing(acknowledged, JOBS), JOBS);
    const isLast = kill === HOST_KILLS;
    await using host = await JobHostProcess.start({
      dir: dir.path,
      jobs: numbered(from, JOBS, inputOf),
      pool: { size: 3, poisonAfter: 100 },
      config: { leaseMs: LEASE_MS },
    });
    const ended = await host.endedBefore();
    const lines = await ledgerLength(ledger);
    for (const id of ended) if (!endedAt.has(id)) endedAt.set(id, lines);
    // Each life of the host has its share of the work, and of the killed workers.
    const goal = isLast ? Infinity : Math.floor(JOBS * 2 * (kill + 1) / (HOST_KILLS + 1.5));
    const share = Math.ceil(WORKER_KILLS * (kill + 1) / (HOST_KILLS + 1));
    while (workersKilled < share) {
      const before = await ledgerLength(ledger);
      if (before >= Math.min(goal, JOBS * 2 - 20) || host.ended) break;
      if (killWorker(dir.path, random)) workersKilled++;
      const next = before + random.below(Math.ceil(JOBS / WORKER_KILLS));
      await until(
        async () => await ledgerLength(ledger) >= Math.min(next, goal),
        "the ledger to grow",
        { timeoutMs: 60_000 },
      );
    }
    if (isLast) {
      jobs = await host.allJobs({ timeoutMs: IS_LONG ? 600_000 : 120_000 });
      assert.equal((await host.finished()).code, 0, host.stderr);
    } else {
      await until(async () => await ledgerLength(ledger) >= goal, "the goal", {
        timeoutMs: 120_000,
      });
      const workers = workersOf({ connect: join(dir.path, "data") });
      host.kill("SIGKILL");
      await host.finished();
      await until(() => !workers.some(isAlive), "the workers of the dead host to end");
    }
    for (const [number, id] of host.acknowledged()) {
      assert.equal(acknowledged.get(number) ?? id, id, `the job ${number} was made twice`);
      acknowledged.set(number, id);
    }
  }
  assert.equal(workersKilled, WORKER_KILLS);
  check(jobs, { acknowledged, endedAt, lines: await ledgerLines(ledger) });
});

/** Returns the numbers that were not acknowledged. */
function missing(acknowledged: ReadonlyMap<number, string>, count: number): number[] {
  return Array.from({ length: count }, (_, i) => i).filter((it) => !acknowledged.has(it));
}

interface Facts {
  readonly acknowledged: ReadonlyMap<number, string>;
  readonly endedAt: ReadonlyMap<string, number>;
  readonly lines: readonly LedgerLine[];
}

function check(jobs: readonly Job[], { acknowledged, endedAt, lines }: Facts): void {
  assert.deepEqual(missing(acknowledged, JOBS), []);
  assert.deepEqual(new Set(jobs.map(({ id }) => id)), new Set(acknowledged.values()));
  assert.equal(jobs.length, JOBS);
  assert.deepEqual(jobs.filter(({ state }) => state !== "completed"), []);

  assertNeverTwiceAtOnce(lines);
  for (const [i, { what, job }] of lines.entries()) {
    const at = endedAt.get(job);
    assert.ok(at === undefined || i < at, `${job} had ended, and ${what} came after that`);
  }

  const written = new Map<string, number>();
  for (const { what, job } of lines) {
    written.set(`${what} ${job}`, (written.get(`${what} ${job}`) ?? 0) + 1);
  }
  const counts = { starts: 0, attempts: 0, lost: 0, crashed: 0 };
  for (const job of jobs) {
    const { id, attempt, attempts = [] } = job;
    const starts = written.get(`S ${id}`) ?? 0;
    const ends = written.get(`E ${id}`) ?? 0;
    // An attempt that was killed may have written nothing, and no other one ran than these.
    assert.ok(starts <= attempts.length, `${id} has ${attempts.length} attempts, ${starts} starts`);
    assert.ok(ends >= 1, `${id} has never ended`);
    const charged = attempts.filter(({ outcome }) => outcome !== "returned");
    assert.equal(charged.length, attempt, id);
    assert.deepEqual(charged.map((it) => it.attempt), charged.map((_, i) => i + 1), id);
    const outcomes = attempts.map(({ outcome }) => outcome);
    assert.deepEqual([outcomes.indexOf("completed"), outcomes.at(-1)], [
      outcomes.length - 1,
      "completed",
    ]);
    counts.starts += starts;
    counts.attempts += attempts.length;
    counts.lost += attempts.filter(({ error }) => error?.code === "host_lost").length;
    counts.crashed += attempts.filter(({ error }) => error?.code === "worker_crashed").length;
    const others = attempts.filter(({ error }) =>
      error !== undefined && error.code !== "host_lost" && error.code !== "worker_crashed"
    );
    assert.deepEqual(others, []);
  }
  assert.ok(counts.starts >= JOBS);
  assert.ok(counts.lost >= 1, "no attempt was lost with its host");
  console.log(JSON.stringify({ jobs: jobs.length, ...counts }));
}
