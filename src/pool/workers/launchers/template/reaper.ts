import { join } from "node:path";
import { settlesWithin, unlessAborted } from "../../../../async/mod.ts";
import { getLogger } from "../../../../log.ts";
import { type GroupLeader, ManagedProcess, WORKER_ENV } from "../../../../process/mod.ts";
import { close, ForkedWorkers, ForkError } from "./forked_workers.ts";
import { TemplateConnection, type TemplateMessage, writeAll } from "./messages.ts";

const START_MS = 20_000;
/** A fork takes milliseconds. A template that does none in this time is stuck. */
const FORK_MS = 10_000;
/** The time in which a reaper that is not stuck tells of the end of a template. */
const TOLD_MS = 5_000;

/** The way to start a reaper. */
export interface ReaperSpec {
  /** The name of the pool. */
  readonly pool: string;
  /** The program of a worker, and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  /** The environment of the workers. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder of its socket, and of the pipes that are made for workers. */
  readonly runDirectory: string;
  readonly settings: TemplateSettings;
}

/** The settings of a template. The twin of `TemplateSettings` in template.py. */
export interface TemplateSettings {
  readonly preload: readonly string[];
  readonly adapters: readonly string[];
  readonly modulePaths: readonly string[];
  readonly carrier: string;
}

/** The start of a template. */
export type TemplateStart =
  | { readonly pid: number; readonly rssBytes: number }
  | { readonly reason: string; readonly isUnsafe: boolean };

interface Starting {
  readonly generation: number;
  readonly result: PromiseWithResolvers<TemplateStart>;
  /** Resolves when it has ended. */
  readonly lost: PromiseWithResolvers<void>;
  pid: number;
  /** The module that it preloads. */
  module: string | undefined;
}

/**
 * The reaper of one pool, a process that starts templates, and tells how workers have ended. It
 * runs no code of users.
 */
export class Reaper {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  /** Called when the template that was ready has ended. */
  onTemplateLost: ((reason: string) => void) | undefined;
  readonly #spec: ReaperSpec;
  readonly #socketPath: string;
  readonly #process: ManagedProcess;
  readonly #connection: TemplateConnection;
  readonly #workers: ForkedWorkers;
  #lastFork = 0;
  #generation = 0;
  #starting: Starting | undefined;
  #isGone = false;

  private constructor(
    spec: ReaperSpec,
    socketPath: string,
    { process, conn }: { readonly process: ManagedProcess; readonly conn: Deno.Conn },
  ) {
    this.#spec = spec;
    this.#socketPath = socketPath;
    this.#process = process;
    this.pid = process.pid;
    this.exited = process.exited;
    this.#workers = new ForkedWorkers(() => this.#unstick());
    this.#connection = new TemplateConnection(conn, (message) => this.#handle(message));
    void Promise.race([this.#connection.ended, this.exited]).then(() => this.#lose());
  }

  /**
   * Starts the process. Resolves when it listens; if it rejects, it leaves none.
   *
   * @throws {Error} If it does not listen; the reason of `signal`.
   */
  static async start(spec: ReaperSpec, signal: AbortSignal): Promise<Reaper> {
    signal.throwIfAborted();
    const { command: [command, ...args], env, pool, runDirectory, settings } = spec;
    // No longer than any other name of a socket in a run directory.
    const socketPath = join(runDirectory, `f${crypto.randomUUID().slice(0, 4)}.sk`);
    const log = getLogger("pool");
    const ready = Promise.withResolvers<void>();
    const lastLines: string[] = [];
    const process = ManagedProcess.spawn({
      command,
      args,
      env: {
        ...env,
        [WORKER_ENV.template]: JSON.stringify(settings),
        [WORKER_ENV.templateSocket]: socketPath,
      },
      onLine: (line, from) => {
        if (from === "stdout" && line === "ready") return ready.resolve();
        lastLines.push(line);
        if (lastLines.length > 5) lastLines.shift();
        log.info("template of pool {pool}: {line}", { pool, line });
      },
    });
    const listens = Promise.race([
      ready.promise.then(() => true),
      process.exited.then(() => false),
    ]);
    try {
      const isOver = await settlesWithin(unlessAborted(listens, signal), START_MS);
      signal.throwIfAborted();
      if (!isOver || !await listens) {
        throw new Error(
          `its process did not start; last output: ${lastLines.join(" | ") || "none"}`,
        );
      }
      const conn = await Deno.connect({ transport: "unix", path: socketPath });
      return new Reaper(spec, socketPath, { process, conn });
    } catch (error) {
      await process.kill();
      await Deno.remove(socketPath).catch(() => {});
      throw error;
    }
  }

  /** True once it has ended. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /**
   * Starts a template in place of the one that runs, whose workers go on. Resolves when it can
   * fork, or cannot.
   */
  async startTemplate(timeoutMs: number): Promise<TemplateStart> {
    const generation = ++this.#generation;
    this.#starting?.result.resolve({ reason: "another one has taken its place", isUnsafe: false });
    const starting: Starting = this.#starting = {
      generation,
      result: Promise.withResolvers(),
      lost: Promise.withResolvers(),
      pid: 0,
      module: undefined,
    };
    const { promise } = starting.result;
    if (this.#isGone) return { reason: "its process has ended", isUnsafe: false };
    this.#connection.request({ template: { generation } });
    if (await settlesWithin(promise, timeoutMs)) return await promise;
    const what = starting.module === undefined ? "it" : `the preload of ${starting.module}`;
    this.#kill(starting.pid);
    return { reason: `${what} took longer than startTimeoutMs, ${timeoutMs} ms`, isUnsafe: false };
  }

  /**
   * Forks a worker. Resolves when it runs; if it rejects, it leaves none.
   *
   * @throws {ForkError} If the template does not fork it; the reason of `signal`.
   */
  async fork(
    { incarnation, env }: {
      readonly incarnation: string;
      readonly env: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<GroupLeader> {
    const id = ++this.#lastFork;
    const guardPath = join(this.#spec.runDirectory, `${incarnation}.guard`);
    using resources = new DisposableStack();
    try {
      const [stdout, stderr] = await this.#connectBoth(id, resources);
      const forked = this.#workers.await(id);
      forked.catch(() => {});
      this.#connection.request({ fork: { id, guard: guardPath, env } });
      await this.#untilForked(forked, signal);
      // Opened in both directions, which cannot block, even if the worker is gone.
      const guard = resources.use(await Deno.open(guardPath, { read: true, write: true }));
      this.#connection.request({ held: { id } });
      const leader = this.#workers.leader(await forked, { stdout, stderr, guard });
      resources.move();
      return leader;
    } catch (error) {
      this.#workers.giveUp(id);
      // Its standard input ends with that, and so does the worker.
      this.#connection.request({ drop: { id } });
      throw error;
    } finally {
      await Deno.remove(guardPath).catch(() => {});
    }
  }

  /** Ends the process and its template. Workers go on. */
  async stop(): Promise<void> {
    await this.#process.kill();
    this.#connection.close();
    await Deno.remove(this.#socketPath).catch(() => {});
  }

  /** Makes the connections for the output of a worker, which end with `resources`. */
  async #connectBoth(
    id: number,
    resources: DisposableStack,
  ): Promise<[stdout: Deno.Conn, stderr: Deno.Conn]> {
    const connecting = [this.#connect(id, 1), this.#connect(id, 2)] as const;
    // Also if the other one fails: what is made later would belong to nobody, here and there.
    for (const it of await Promise.allSettled(connecting)) {
      if (it.status === "fulfilled") resources.defer(() => close(it.value));
    }
    return await Promise.all(connecting);
  }

  async #connect(id: number, descriptor: number): Promise<Deno.Conn> {
    using resources = new DisposableStack();
    try {
      const conn = await Deno.connect({ transport: "unix", path: this.#socketPath });
      resources.defer(() => close(conn));
      await writeAll(conn, new TextEncoder().encode(`${id} ${descriptor}\n`));
      resources.move();
      return conn;
    } catch (error) {
      throw new ForkError(`the reaper of its template cannot be reached: ${error}`);
    }
  }

  async #untilForked(forked: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const waited = unlessAborted(forked, signal);
    if (await settlesWithin(waited, FORK_MS)) return void await waited;
    this.#unstick();
    throw new ForkError(`its template forked none within ${FORK_MS} ms`);
  }

  /** Ends a template that does nothing any more, or else the reaper. */
  #unstick(): void {
    const starting = this.#starting;
    if (this.#isGone || starting === undefined) return;
    getLogger("pool").warn("the template of pool {pool} is killed: it does nothing any more", {
      pool: this.#spec.pool,
    });
    this.#kill(starting.pid);
    void settlesWithin(starting.lost.promise, TOLD_MS)
      .then((isTold) => isTold || this.#starting !== starting ? undefined : this.#process.kill());
  }

  #handle(message: TemplateMessage): void {
    const unwanted = this.#workers.take(message);
    if (unwanted !== undefined) this.#kill(unwanted);
    const starting = this.#starting;
    if (starting === undefined) return;
    const { generation, result } = starting;
    if ("started" in message && message.started.generation === generation) {
      starting.pid = message.started.pid;
      this.#workers.templateLost("its template was replaced");
    } else if ("preloading" in message && message.preloading.generation === generation) {
      starting.module = message.preloading.module;
    } else if ("ready" in message && message.ready.generation === generation) {
      result.resolve({ pid: starting.pid, rssBytes: message.ready.rssBytes });
      starting.module = undefined;
    } else if ("refused" in message && message.refused.generation === generation) {
      const { reason, unsafe } = message.refused;
      result.resolve({ reason, isUnsafe: unsafe });
    } else if ("lost" in message && message.lost.generation === generation) {
      this.#templateLost(starting, message.lost.exit);
    }
  }

  #templateLost(
    { result, module, lost }: Starting,
    exit: { readonly code: number } | { readonly signal: string },
  ): void {
    const how = "code" in exit ? `exit code ${exit.code}` : `signal ${exit.signal}`;
    const when = module === undefined ? "" : ` while it preloaded ${module}`;
    const reason = `it ended with ${how}${when}`;
    lost.resolve();
    result.resolve({ reason, isUnsafe: false });
    this.#workers.templateLost(`its template ended with ${how}`);
    this.onTemplateLost?.(reason);
  }

  #lose(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const reason = "its reaper was killed";
    this.#starting?.lost.resolve();
    this.#starting?.result.resolve({ reason, isUnsafe: false });
    this.#workers.reaperLost();
    // What is left of its group.
    void this.stop();
    this.onTemplateLost?.(reason);
  }

  #kill(pid: number): void {
    if (pid === 0) return;
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
