import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { type Job, type JobInput, type Snakeden, type SnakedenOptions } from "../../../mod.ts";
import { isAlive } from "../../fixtures/host.ts";
import { signalPid } from "../../fixtures/processes/signals.ts";
import { SCRIPTS } from "../../fixtures/script_jobs.ts";
import type { Random } from "../random.ts";
import type { JobBook } from "./job_book.ts";
import { type Kind, pause } from "./kind.ts";

type JobsOptions = NonNullable<SnakedenOptions["jobs"]>;

/** The pauses between attempts are short, so that they all happen. */
const RETRY = { minMs: 1, maxMs: 50 };
/** The codes of jobs that others retry or cancel before their result is read. */
const ENDS = ["cancelled", "job_unfinished"];
/** The error of an attempt whose guard or warden was killed. */
const GUARD_LOST = "guard_lost";
/** The files that `chaotic` leaves as artifacts. */
const ARTIFACTS = ["0.txt", "1.txt", "2.txt", "3.txt", "4.txt"];
/** The errors of calls that a script gets because of the chaos. */
const OF_CALLS = /worker_crashed|pool_saturated|pool_unhealthy/;

/** Returns the configuration of jobs with the scripts of {@link ScriptKinds}. */
export function scriptJobs(dataDir: string): JobsOptions {
  return {
    scriptFolders: [{ path: SCRIPTS, permissions: permissionsIn(dataDir) }],
    scripts: { killGraceMs: 100 },
  };
}

function permissionsIn(dataDir: string): { readonly write: string[]; readonly run: true } {
  return { write: [dataDir], run: true };
}

/** Kills the guard of a host, or one of the wardens of its programs. */
export function killGuard(runId: string, random: Random): void {
  const pid = random.pick(guardsOf(runId));
  if (pid === undefined) return;
  try {
    signalPid(pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Returns the guard of a host, and its wardens. */
function guardsOf(runId: string): number[] {
  const parents = new Map<number, number>();
  for (const { name } of Deno.readDirSync("/proc")) {
    try {
      if (!Deno.readTextFileSync(`/proc/${name}/cmdline`).includes("_guard/guard.py")) continue;
      if (!Deno.readTextFileSync(`/proc/${name}/environ`).includes(runId)) continue;
      const [, parent = ""] = /^PPid:\s+(\d+)$/m.exec(
        Deno.readTextFileSync(`/proc/${name}/status`),
      ) ?? [];
      parents.set(Number(name), Number(parent));
    } catch {
      // It is no process, or has ended meanwhile.
    }
  }
  // The child of a warden is a program that is about to replace its image.
  const isWarden = (pid: number): boolean => parents.has(parents.get(pid) ?? 0);
  return [...parents].filter(([, parent]) => !isWarden(parent)).map(([pid]) => pid);
}

/** Returns what is left of scripts that have ended, by its name. */
export function leftOfScripts({ config, jobs }: Snakeden): Record<string, number> {
  const runs = join(config.dataDir, "run");
  let folders = 0;
  for (const { name } of Deno.readDirSync(runs)) folders += entriesOf(join(runs, name, "scripts"));
  const left = { "tokens of jobs": jobs.tokens.size, "folders of attempts": folders };
  return Object.fromEntries(Object.entries(left).filter(([, count]) => count > 0));
}

function entriesOf(folder: string): number {
  try {
    return [...Deno.readDirSync(folder)].length;
  } catch (error) {
    // It is made for the first script.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return 0;
  }
}

/** Scripts in both languages as jobs, which leave processes, and are ended in every way. */
export class ScriptKinds {
  readonly #den: Snakeden;
  readonly #ledger: string;
  readonly #book: JobBook;

  constructor(
    den: Snakeden,
    { ledger, book }: { readonly ledger: string; readonly book: JobBook },
  ) {
    this.#den = den;
    this.#ledger = ledger;
    this.#book = book;
  }

  get kinds(): Kind[] {
    const run = (random: Random) => this.#run(random);
    return [
      { name: "script", weight: 3, run, codes: [GUARD_LOST, ...ENDS] },
      { name: "script fails", weight: 1.5, run: (random) => this.#fail(random) },
      { name: "script leaves processes", weight: 2, run: (random) => this.#leave(random) },
      { name: "script cancelled", weight: 3, run: (random) => this.#cancel(random) },
      { name: "script late", weight: 1.5, run: (random) => this.#late(random) },
      { name: "script with artifacts", weight: 1.5, run: (random) => this.#artifacts(random) },
      { name: "script calls", weight: 2, run: (random) => this.#call(random) },
    ];
  }

  #input(random: Random, how: string): JobInput {
    const isPython = random.below(3) > 0;
    return {
      kind: "script",
      script: isPython ? "chaotic.py" : "chaotic.ts",
      args: [this.#ledger, how],
      permissions: permissionsIn(dirname(this.#ledger)),
      maxAttempts: 5,
      retry: RETRY,
    };
  }

  /** Others may retry it. */
  async #run(random: Random): Promise<void> {
    const job = await this.#den.jobs.submit(this.#input(random, "ends"));
    this.#book.add(job.id);
    assert.equal(await job.result(), job.id);
  }

  async #fail(random: Random): Promise<void> {
    const input = { ...this.#input(random, "fails"), maxAttempts: 1 + random.below(2) };
    const { state, error, attempts } = await this.#ended(input);
    if (error?.code === GUARD_LOST) return;
    assert.equal(state, "discarded");
    assert.equal(error?.code, "script_failed");
    assert.equal(error?.details?.exitCode, 1);
    assert.equal(attempts?.length, input.maxAttempts);
  }

  async #leave(random: Random): Promise<void> {
    const job = await this.#ended(this.#input(random, "leaves"));
    if (job.error?.code === GUARD_LOST) return;
    assert.equal(job.state, "completed");
  }

  async #cancel(random: Random): Promise<void> {
    const how = random.pick(["waits", "waits", "ends", "fails"]) ?? "";
    const { id } = await this.#submitted(this.#input(random, how));
    await pause(random.below(1_500));
    await this.#den.jobs.cancel(id, { reason: "chaos" });
    const job = await this.#den.jobs.wait(id);
    if (how === "waits") assert.equal(job.state, "cancelled");
    await this.#assertGone(job);
  }

  async #late(random: Random): Promise<void> {
    const job = await this.#ended({
      ...this.#input(random, "waits"),
      timeoutMs: 1 + random.below(1_000),
      maxAttempts: 2,
    });
    assert.equal(job.state, "discarded");
    const { code = "" } = job.error ?? {};
    assert.ok(["deadline_exceeded", GUARD_LOST].includes(code), code);
  }

  async #artifacts(random: Random): Promise<void> {
    const job = await this.#ended(this.#input(random, "artifacts"));
    if (job.error?.code === GUARD_LOST) return;
    const { items } = await this.#den.jobs.artifacts(job.id);
    assert.deepEqual([...new Set(items.map(({ name }) => name))].sort(), ARTIFACTS);
  }

  async #call(random: Random): Promise<void> {
    const job = await this.#ended(this.#input(random, "calls"));
    const { state, error, result } = job;
    if (state === "completed") return assert.equal(result, job.id);
    const isOfCalls = error?.code === "script_failed" && OF_CALLS.test(error.message);
    if (error?.code === GUARD_LOST || isOfCalls) return;
    assert.fail(JSON.stringify(job));
  }

  /** Submits a job that only its caller touches. */
  async #submitted(input: JobInput): Promise<{ readonly id: string }> {
    const job = await this.#den.jobs.submit(input);
    this.#book.add(job.id, { isAlone: true });
    return job;
  }

  /** Runs a job to its end. */
  async #ended(input: JobInput): Promise<Job> {
    const { id } = await this.#submitted(input);
    const job = await this.#den.jobs.wait(id);
    await this.#assertGone(job);
    return job;
  }

  /** A job has not ended before the last process that it has started. */
  async #assertGone({ id, done, progress }: Job): Promise<void> {
    assert.ok(done);
    const { pids = [] } = (progress ?? {}) as { readonly pids?: readonly number[] };
    assert.deepEqual(pids.filter(isAlive), [], `left of the script ${id}`);
    try {
      using lock = await Deno.open(`${this.#ledger}.${id}`, { write: true });
      assert.ok(await lock.tryLock(true), `a process of the script ${id} is left`);
    } catch (error) {
      // It has never run.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
