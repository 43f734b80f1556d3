/**
 * The host process of the workload `sessions`: a Deno program with a store of its own, which is
 * removed at its end. Run it as `host.ts OPTIONS`, with the options as JSON; it then takes
 * commands.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Session, Snakeden } from "snakeden";
import { messageOf } from "../../src/errors.ts";
import {
  type PythonCommand,
  say,
  serveCommands,
  type SessionCallsCommand,
  type SessionsCommand,
  type VariablesCommand,
} from "../commands.ts";
import { PAYLOAD } from "../contender.ts";
import { LoopProbe } from "../loop_probe.ts";
import { closedLoop, type Figures } from "../measure.ts";
import { rssBytes } from "../process_stats.ts";

/** The options of the host process. */
export interface SessionsHostOptions {
  /** The Python with the packages of a worker. */
  readonly python: string;
  /** The folder for the store, which decides what a durable write costs. */
  readonly folder: string;
  readonly workers: number;
  /** The most sessions. */
  readonly maxSessions: number;
}

const MODULES = fileURLToPath(new URL(".", import.meta.url));
/** Sessions that are opened, or used, at a time. */
const AT_ONCE = 64;
/** The time to live of sessions to sweep; they must live until their variables are written. */
const SHORT_TTL_MS = 3_000;
const SETTLE_MS = 200;
const GARBAGE_MS = 2_000;

/** A host with sessions, on a store that only it uses. */
class SessionsHost implements AsyncDisposable {
  readonly #options: SessionsHostOptions;
  readonly #dataDir: string;
  #den: Snakeden;
  /** The sessions of callers, by number. */
  #own: Session[] = [];
  /** The ids of the sessions that `fill` has opened. */
  #filled: string[] = [];
  #calls = 0;

  private constructor(options: SessionsHostOptions, dataDir: string, den: Snakeden) {
    this.#options = options;
    this.#dataDir = dataDir;
    this.#den = den;
  }

  static async start(options: SessionsHostOptions): Promise<SessionsHost> {
    const dataDir = await Deno.makeTempDir({ dir: options.folder, prefix: "sessions-" });
    return new SessionsHost(options, dataDir, await startDen(options, dataDir));
  }

  get pids(): readonly number[] {
    return this.#den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#den.stop();
    await Deno.remove(this.#dataDir, { recursive: true });
  }

  async run(command: SessionsCommand): Promise<Figures> {
    switch (command.do) {
      case "read":
      case "write":
      case "compareAndSet":
        return await withCpu(() => this.#useVariables(command));
      case "python":
        return await this.#usePython(command);
      case "calls":
        return await withCpu(() => this.#call(command));
      case "fill":
        return await this.#fill(command.sessions);
      case "restart":
        return await this.#restart();
      case "sweep":
        return await this.#sweep(command.sessions);
    }
  }

  async #useVariables(command: VariablesCommand): Promise<Figures> {
    const own = await this.#ownSessions(command.callers);
    const all = own.map(({ variables }) => variables);
    await Promise.all(all.map((it) => it.set("value", 0)));
    const names = Array.from({ length: command.names ?? 1 }, (_, i) => `v${i}`);
    let writes = 0;
    return await closedLoop(async (caller) => {
      const variables = all[caller];
      if (variables === undefined) throw new Error(`there is no caller ${caller}`);
      if (command.do === "write") {
        // The callers take the names in turn, so each gets to all of them.
        const name = names[Math.floor(writes++ / all.length) % names.length] ?? "";
        await variables.set(name, 0.5);
        return;
      }
      const { value, version } = await variables.get<number>("value");
      if (command.do === "read" && value !== 0) throw new Error("wrong value");
      if (command.do === "compareAndSet") {
        await variables.set("value", value + 1, { ifVersion: version });
      }
    }, command);
  }

  async #usePython({ tool, variables, durationMs }: PythonCommand): Promise<Figures> {
    const [session] = await this.#ownSessions(1);
    if (session === undefined) throw new Error("there is no session");
    const call = (): Promise<unknown> =>
      this.#den.execute(tool, { count: variables }, { sessionId: session.id });
    const figures = await closedLoop(call, { callers: 1, durationMs });
    return { perSecond: variables * (figures.callsPerSecond ?? NaN) };
  }

  async #call({ callers, sessions, durationMs }: SessionCallsCommand): Promise<Figures> {
    const own = await this.#ownSessions(callers);
    const echo = async (sessionId: string | undefined): Promise<void> => {
      const options = sessionId === undefined ? {} : { sessionId };
      if (await this.#den.execute("echo", PAYLOAD, options) !== PAYLOAD.value) {
        throw new Error("wrong echo");
      }
    };
    const load = { callers, durationMs };
    if (sessions === "none") return await closedLoop(() => echo(undefined), load);
    if (sessions === "own") return await closedLoop((caller) => echo(own[caller]?.id), load);
    const all = this.#filled;
    return await closedLoop(() => echo(all[this.#calls++ % all.length]), load);
  }

  /** Opens sessions, writes a variable of each, and makes a call in each, step by step. */
  async #fill(count: number): Promise<Figures> {
    await pause(GARBAGE_MS);
    const before = rssBytes(process.pid);
    const ids = Array.from({ length: count }, () => crypto.randomUUID());
    const opened = await perSecond(ids, (id) => this.#den.sessions.open(id));
    const written = await perSecond(ids, async (id) => {
      const { variables } = await this.#den.sessions.get(id);
      await variables.set("value", 0.5);
    });
    await perSecond(ids, (sessionId) => this.#den.execute("echo", PAYLOAD, { sessionId }));
    this.#filled = ids;
    await pause(GARBAGE_MS);
    const bytes = rssBytes(process.pid) - before;
    return {
      opensPerSecond: opened,
      writesPerSecond: written,
      bytesPerSession: bytes / count,
    };
  }

  /** Measures the time from the start to the answer of the first call. */
  async #restart(): Promise<Figures> {
    await this.#den.stop();
    const startedAt = performance.now();
    this.#den = await startDen(this.#options, this.#dataDir);
    await this.#den.execute("echo", PAYLOAD);
    const readyMs = performance.now() - startedAt;
    this.#own = [];
    const [first] = this.#filled;
    if (first !== undefined) {
      const { variables } = await this.#den.sessions.get(first);
      if ((await variables.get("value")).value !== 0.5) throw new Error("the variable is gone");
    }
    return { readyMs };
  }

  /** Opens sessions that soon expire. One more finds no room then, and has them swept. */
  async #sweep(count: number): Promise<Figures> {
    const { maxSessions } = this.#options;
    const { open, expired: before } = await this.#den.sessions.stats();
    if (open + count !== maxSessions) {
      throw new Error(`${open} of ${maxSessions} sessions are open: not room for ${count}`);
    }
    const ids = Array.from({ length: count }, () => crypto.randomUUID());
    await perSecond(ids, async (id) => {
      const { variables } = await this.#den.sessions.open(id, { ttlMs: SHORT_TTL_MS });
      await variables.set("value", 0.5);
    });
    await pause(SHORT_TTL_MS);
    using probe = new LoopProbe();
    // The machine alone also keeps a process waiting.
    await pause(SETTLE_MS);
    const idleMs = probe.longestMs;
    probe.reset();
    const startedAt = performance.now();
    const { id } = await this.#den.sessions.open();
    const sweepMs = performance.now() - startedAt;
    const heldMs = probe.longestMs;
    await this.#den.sessions.delete(id);
    const { expired } = await this.#den.sessions.stats();
    if (expired - before !== count) throw new Error(`${expired - before} sessions were swept`);
    return { sweepMs, heldMs, idleMs };
  }

  async #ownSessions(count: number): Promise<readonly Session[]> {
    while (this.#own.length < count) {
      this.#own.push(await this.#den.sessions.open(`caller-${this.#own.length}`));
    }
    return this.#own.slice(0, count);
  }
}

async function startDen(
  { python, workers, maxSessions }: SessionsHostOptions,
  dataDir: string,
): Promise<Snakeden> {
  const den = await Snakeden.start({
    dataDir,
    python: { executable: python },
    pools: [{
      name: "default",
      size: workers,
      adapter: "session_tools",
      modulePaths: [MODULES],
    }],
    // Expired sessions are swept on request.
    sessions: { max: maxSessions, sweepMs: 3_600_000 },
    readyTimeoutMs: 60_000,
  });
  const { state } = await den.store.report();
  if (state !== "open") throw new Error(`the store is ${state}`);
  return den;
}

/** Uses each id once, from many callers; returns the rate. */
async function perSecond(
  ids: readonly string[],
  use: (id: string) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now();
  const rest = ids.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const id of rest) await use(id);
  }));
  return ids.length / ((performance.now() - startedAt) / 1000);
}

/** Adds the CPU time of this process for each operation. */
async function withCpu(work: () => Promise<Figures>): Promise<Figures> {
  const before = process.cpuUsage();
  const figures = await work();
  const { user, system } = process.cpuUsage(before);
  return { ...figures, hostMicrosPerCall: (user + system) / (figures.calls ?? NaN) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  try {
    const options: SessionsHostOptions = JSON.parse(Deno.args[0] ?? "{}");
    await using host = await SessionsHost.start(options);
    const ready = { pids: host.pids, figures: {} };
    await serveCommands(ready, (command: SessionsCommand) => host.run(command));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
