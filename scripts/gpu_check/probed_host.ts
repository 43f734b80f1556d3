import { setTimeout as delay } from "node:timers/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Snakeden, type WorkerInfo } from "../../mod.ts";
import { isRecord } from "../../src/json/mod.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const READY_MS = 180_000;
const POLL_MS = 20;

/** The words of a driver or a framework, or the reason why it has none. */
export type Answer<T> = T | { readonly error: string } | null;

/** A worker, as gpu_probe.py sees it from inside at its start. */
export interface WorkerReport {
  /** The id of the worker, which all workers of its slot share. */
  readonly worker: string;
  readonly pid: number;
  readonly device: { readonly id: string; readonly uuid: string | null; readonly share: number };
  readonly variables: Readonly<Record<string, string>>;
  /** The pids of earlier workers of the slot that had not ended when this one began. */
  readonly alive: readonly number[];
  /** The driver of NVIDIA; null on other devices and where there is none. */
  readonly driver: Answer<
    {
      readonly devices: number;
      readonly uuid: string;
      readonly freeBytes: number;
      readonly totalBytes: number;
    }
  >;
  /** PyTorch; null where it is not installed. */
  readonly torch: Answer<
    { readonly version: string; readonly device: string; readonly allocatedBytes: number }
  >;
}

/** The pools of {@link ProbedHost}. They differ in how a worker is replaced. */
export type PoolName = "stop" | "start";

/** Options of {@link ProbedHost.start}. */
export interface ProbedHostOptions {
  /** True for `devices: "auto"`; otherwise the workers run on the processor. */
  readonly hasAccelerator: boolean;
  readonly workersPerDevice: number;
  /** The Python to use instead of that of the configuration. */
  readonly python?: string;
}

/** A host whose workers report on their devices. */
export class ProbedHost implements AsyncDisposable {
  readonly #den: Snakeden;
  readonly #folder: string;
  #resources = new AsyncDisposableStack();
  readonly #pids = new Set<number>();

  private constructor(den: Snakeden, folder: string) {
    this.#den = den;
    this.#folder = folder;
  }

  /**
   * Starts a pool `stop`, whose workers are replaced by `stop_first`, and a pool `start`, for
   * comparison. Resolves when all workers are ready.
   *
   * @throws If they cannot be started.
   */
  static async start(options: ProbedHostOptions): Promise<ProbedHost> {
    const { hasAccelerator, workersPerDevice, python } = options;
    await using resources = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "snakeden-gpu-check-" });
    resources.defer(() => Deno.remove(folder, { recursive: true }));
    const place = hasAccelerator
      ? { devices: "auto" as const, workersPerDevice }
      : { devices: "cpu" as const, size: workersPerDevice };
    const pool = {
      ...place,
      adapter: "gpu_probe:GpuProbe",
      modulePaths: [FOLDER],
      env: { GPU_CHECK_FOLDER: folder },
      // The check kills workers on purpose.
      taintAfter: 0,
      startTimeoutMs: READY_MS,
    };
    const den = resources.use(
      await Snakeden.start({
        pools: [
          { ...pool, name: "stop", replace: "stop_first" },
          { ...pool, name: "start", replace: "start_first" },
        ],
        readyTimeoutMs: READY_MS,
        onSetupProgress: (line) => console.error(line),
        ...(python === undefined ? {} : { python: { executable: python } }),
      }),
    );
    const host = new ProbedHost(den, folder);
    await host.reports("stop");
    await host.reports("start");
    host.#resources = resources.move();
    return host;
  }

  /** The pids of all workers so far. */
  get pids(): ReadonlySet<number> {
    return this.#pids;
  }

  /**
   * Waits until all workers of a pool are ready, and returns their reports, in their order.
   *
   * @throws If they are not ready in time.
   */
  async reports(pool: PoolName): Promise<WorkerReport[]> {
    const { size } = this.#den.pools.get(pool);
    for (const until = performance.now() + READY_MS; performance.now() < until;) {
      const workers = this.#den.workers.list().filter((it) => it.pool === pool);
      const pids = workers.flatMap(({ state, pid }) =>
        state === "ready" && pid !== undefined ? [pid] : []
      );
      if (workers.length === size && pids.length === size) return await this.#read(pids);
      await delay(POLL_MS);
    }
    throw new Error(`not all workers of the pool ${pool} are ready: ${this.#describe(pool)}`);
  }

  /** Replaces all workers of a pool, one after another. Resolves when all old ones are gone. */
  async replaceAll(pool: PoolName): Promise<void> {
    await this.#den.pools.recycle({ pool });
  }

  /** Kills all workers of a pool, and waits until the host has noticed. */
  async killAll(pool: PoolName): Promise<void> {
    const pids = (await this.reports(pool)).map(({ pid }) => pid);
    for (const pid of pids) Deno.kill(pid, "SIGKILL");
    const isThere = ({ pid }: WorkerInfo): boolean => pid !== undefined && pids.includes(pid);
    while (this.#den.workers.list().some(isThere)) await delay(POLL_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }

  async #read(pids: readonly number[]): Promise<WorkerReport[]> {
    return await Promise.all(pids.map(async (pid) => {
      this.#pids.add(pid);
      const report: unknown = JSON.parse(
        await Deno.readTextFile(join(this.#folder, `${pid}.json`)),
      );
      if (!isRecord(report)) throw new Error(`worker ${pid} has written no report`);
      // Written by gpu_probe.py, which is a part of this script.
      return report as unknown as WorkerReport;
    }));
  }

  #describe(pool: PoolName): string {
    return JSON.stringify(this.#den.pools.get(pool));
  }
}
