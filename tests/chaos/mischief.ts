import assert from "node:assert/strict";
import { type Snakeden, SnakedenError, type WorkerInfo } from "../../mod.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";
import { isOfTheWorld, pause, type Strange } from "./kinds/kind.ts";
import { killGuard } from "./kinds/script_kinds.ts";
import type { DrawnPool } from "./pools/drawn_pools.ts";
import type { PoolFile } from "./pools/pool_file.ts";
import type { Random } from "./random.ts";

/** The longest time between two attacks, in milliseconds. */
const MAX_PAUSE_MS = 150;
/** The time after which everything must have ended. */
const END_MS = 60_000;
/** The longest time for which calls of a pool wait. */
const POOL_PAUSE_MS = 300;
/** The codes with which a reload may fail, and change nothing. */
const RELOAD_CODES = ["pool_start_failed", "worker_start_failed", "startup_failed"];

/** Attacks on workers and templates, and changes of the pools while they are in use. */
export class Mischief {
  readonly #den: Snakeden;
  readonly #random: Random;
  readonly #pools: readonly DrawnPool[];
  readonly #file: PoolFile;
  /** The attacks that have not ended, with their names. */
  readonly #open = new Map<Promise<unknown>, string>();
  /** Failures that must not happen. */
  readonly strange: Strange[] = [];
  /** The number of attacks by kind. */
  readonly made = new Map<string, number>();
  #isReloading = false;

  constructor(
    den: Snakeden,
    { random, pools, file }: {
      readonly random: Random;
      readonly pools: readonly DrawnPool[];
      readonly file: PoolFile;
    },
  ) {
    this.#den = den;
    this.#random = random;
    this.#pools = pools;
    this.#file = file;
  }

  /** Attacks for so many seconds. */
  async run(seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1_000;
    while (performance.now() < end) {
      await pause(this.#random.below(MAX_PAUSE_MS));
      const [name, attack] = this.#random.pick(this.#kinds) ?? [];
      if (name === undefined || attack === undefined) continue;
      const work = this.#attack(name, attack);
      this.#open.set(work, name);
      void work.finally(() => this.#open.delete(work));
    }
  }

  /** Waits for what was begun, and gives all pools the settings that were drawn. */
  async calm(): Promise<void> {
    await until(() => this.#open.size === 0, "every verb to end", { timeoutMs: END_MS }).catch(
      (cause) => {
        const workers = this.#den.workers.list().map((it) => JSON.stringify(it));
        const what = [...this.#open.values(), ...workers].join("\n");
        throw new Error(`Never ended: ${what}`, { cause });
      },
    );
    for (const { name, sizes } of this.#pools) {
      this.#den.pools.resume(name);
      this.#den.pools.resize(name, sizes);
    }
  }

  get #kinds(): readonly (readonly [name: string, attack: () => unknown])[] {
    const { pools, workers, runId } = this.#den;
    const random = this.#random;
    const rarely = (n: number, attack: () => unknown) => (): unknown =>
      random.below(n) === 0 ? attack() : false;
    const pool = (): DrawnPool => {
      const found = random.pick(this.#pools);
      if (found === undefined) throw new Error("there is no pool");
      return found;
    };
    return [
      ["SIGKILL", () => this.#signal("SIGKILL")],
      ["SIGSTOP", () => this.#signal("SIGSTOP")],
      ["SIGTERM", () => this.#signal("SIGTERM")],
      ["stop a worker", () => workers.stop(random.pick(this.#serving)?.id ?? "")],
      ["recycle all", rarely(6, () => pools.recycle())],
      ...this.#pools.map(({ name }) =>
        [`recycle ${name}`, rarely(12, () => pools.recycle({ pool: name }))] as const
      ),
      ["kill a guard", rarely(6, () => killGuard(runId, random))],
      ["kill a template", rarely(4, () => this.#killTemplate())],
      ["resize", () => this.#resize(pool())],
      ["pause", rarely(2, () => this.#pause(pool()))],
      ["clean", () => pools.cleanIdle(pool().name)],
      ["start ahead", rarely(2, () => pools.startAhead(pool().name, 1 + random.below(2)))],
      ["reload", rarely(4, () => this.#reload())],
      ["add and remove", rarely(6, () => this.#addAndRemove(pool()))],
    ];
  }

  async #attack(name: string, attack: () => unknown): Promise<void> {
    try {
      if (await attack() !== false) this.made.set(name, (this.made.get(name) ?? 0) + 1);
    } catch (error) {
      const code = error instanceof SnakedenError ? error.code : "";
      if (isOfTheWorld(error) || ["unknown_worker", ...RELOAD_CODES].includes(code)) return;
      this.strange.push({ name, error });
    }
  }

  get #serving(): readonly WorkerInfo[] {
    const { workers } = this.#den;
    return workers.list().filter(({ state }) => state === "ready" || state === "busy");
  }

  #signal(name: Deno.Signal): boolean {
    // One worker is left alone, so that the first pool serves now and then.
    return kill(this.#random.pick(this.#serving.slice(1))?.pid, name);
  }

  #killTemplate(): boolean {
    const pids = this.#den.pools.list().flatMap(({ template }) => template?.pid ?? []);
    return kill(this.#random.pick(pids), "SIGKILL");
  }

  #resize({ name, sizes }: DrawnPool): unknown {
    const random = this.#random;
    const max = 1 + random.below(sizes.max + 1);
    const min = random.below(max + 1);
    return this.#den.pools.resize(name, { min, max, spare: random.below(2) });
  }

  async #pause({ name }: DrawnPool): Promise<boolean> {
    this.#den.pools.pause(name);
    await pause(this.#random.below(POOL_PAUSE_MS));
    this.#den.pools.resume(name);
    return true;
  }

  /** Replaces a pool by a reload, or gives all of them their numbers of the file. */
  async #reload(): Promise<boolean> {
    if (this.#isReloading) return false;
    this.#isReloading = true;
    try {
      if (this.#random.below(3) === 0) await this.#file.write();
      else await this.#file.writeOther(this.#random);
      await this.#den.reload();
      return true;
    } finally {
      this.#isReloading = false;
    }
  }

  /** Adds a pool like another one, calls it, and removes it. */
  async #addAndRemove({ input }: DrawnPool): Promise<boolean> {
    const name = `passing-${this.#random.below(1_000_000)}`;
    await this.#den.pools.add({ ...input, name });
    try {
      await this.#den.execute("quick", { key: 1 }, { pool: name });
    } finally {
      await this.#den.pools.remove(name);
    }
    return true;
  }
}

/** Sends a signal, and returns true; false if there is no process, or it has ended meanwhile. */
function kill(pid: number | undefined, name: Deno.Signal): boolean {
  if (pid === undefined) return false;
  // 0 would be this process, with its whole group.
  assert.ok(pid > 1, `${name} for ${pid}`);
  try {
    signalPid(pid, name);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}
