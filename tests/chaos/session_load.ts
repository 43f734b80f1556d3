import assert from "node:assert/strict";
import { type Session, type Snakeden, SnakedenError } from "../../mod.ts";
import { VersionModel } from "../fixtures/models/version_model.ts";
import type { Kind } from "./kinds/kind.ts";
import { type DrawnPool, POOL_NAMES, type PoolName } from "./pools/drawn_pools.ts";
import type { Random } from "./random.ts";
import { StrictSession } from "./strict_session.ts";

const NAMES = ["a", "b", "c"];
/** The calls after which a session is checked and deleted, and another one takes its place. */
const MAX_CALLS = 300;
const SESSIONS = 4;
const STRICT_SESSIONS = 6;
/** The ids that sessions with a short time to live share, one after another. */
const SHORT_IDS = ["short-0", "short-1", "short-2"];
const SHORT_TTLS = [5, 50, 200];
/** The ends of calls that may have taken effect. */
const UNKNOWN = ["worker_crashed", "deadline_exceeded"];
/** The same, or the session has ended. */
const TOOL_CODES = [...UNKNOWN, "python_exception"];

/** A count of what has happened. */
interface Ticks {
  now: number;
}

/** One life of a session, with what was acknowledged of it. */
class Life {
  readonly session: Session;
  readonly variables: VersionModel;
  readonly metadata = new VersionModel("metadata of a session");
  calls = 0;
  /** True once a delete has begun, or if it may expire at any time. */
  mayEnd: boolean;
  /** The tick at which anyone has seen its end. */
  endedAt = Infinity;
  readonly #ticks: Ticks;

  constructor(
    session: Session,
    { mayEnd, ticks }: { readonly mayEnd: boolean; readonly ticks: Ticks },
  ) {
    this.session = session;
    this.#ticks = ticks;
    this.variables = new VersionModel(session.id);
    this.mayEnd = mayEnd;
  }

  get hasEnded(): boolean {
    return this.endedAt < Infinity;
  }

  /** Notes that it has ended. */
  ended(): void {
    this.endedAt = Math.min(this.endedAt, this.#ticks.now);
  }

  /** Makes a call of this session, which may find that it has ended. Returns false if it did. */
  async use(call: () => Promise<unknown>): Promise<boolean> {
    const { hasEnded } = this;
    this.calls++;
    try {
      await call();
    } catch (error) {
      if (!isUnknownSession(error)) throw error;
      assert.ok(this.mayEnd, `the session ${this.session.id} is lost`);
      this.ended();
      return false;
    }
    assert.ok(!hasEnded, `the session ${this.session.id} has come back`);
    return true;
  }
}

/**
 * Uses sessions and their variables by the library and from tools, and keeps objects with strict
 * sessions. It throws as soon as anyone sees what was not acknowledged, or does not see what was.
 */
export class SessionLoad {
  readonly #den: Snakeden;
  readonly #lives: Promise<Life>[];
  readonly #strict: readonly StrictSession[];
  /** The lives of sessions with a short time to live, by the mark in their metadata. */
  readonly #short = new Map<string, Life | undefined>();
  readonly #watches = new Set<Promise<void>>();
  readonly #ticks: Ticks = { now: 0 };

  constructor(den: Snakeden, pools: readonly DrawnPool[]) {
    this.#den = den;
    this.#lives = Array.from({ length: SESSIONS }, () => this.#open());
    // A worker that runs one call has no objects of a session.
    const lasting = pools.filter(({ input }) => input.isolate !== "call");
    this.#strict = Array.from({ length: STRICT_SESSIONS }, (_, i) => {
      const { name: pool, input } = lasting[i % lasting.length] ?? {};
      const isConcurrent = input?.profile !== "process";
      return new StrictSession(den, `strict-${i}`, { pool, isConcurrent });
    });
  }

  /** The kinds of calls. */
  get kinds(): Kind[] {
    return [
      { name: "variable", weight: 12, run: (random) => this.#byLibrary(random) },
      {
        name: "python variable",
        weight: 12,
        run: (random) => this.#byTool(random),
        codes: TOOL_CODES,
      },
      {
        name: "strict",
        weight: 10,
        run: (random) => this.#countStrictly(random),
        codes: [...UNKNOWN, "session_worker_unavailable", "worker_busy", "left"],
      },
      { name: "short session", weight: 3, run: (random) => this.#useShort(random) },
      { name: "watch", weight: 2, run: (random) => this.#watch(random) },
      { name: "race", weight: 3, run: (random) => this.#race(random), codes: TOOL_CODES },
      { name: "metadata", weight: 2, run: (random) => this.#update(random) },
    ];
  }

  /** The iterators of changes that have not ended. */
  get watching(): number {
    return this.#watches.size;
  }

  /** Checks and ends all sessions, once no call is open. */
  async end(): Promise<void> {
    for (const life of await Promise.all(this.#lives)) await this.#retire(life);
    for (const strict of this.#strict) await strict.end();
  }

  async #open(): Promise<Life> {
    const number = ++this.#ticks.now;
    const value = String(number);
    const session = await this.#den.sessions.open(`long-${number}`, { metadata: { value } });
    const life = new Life(session, { mayEnd: false, ticks: this.#ticks });
    life.metadata.write("metadata", value).acknowledged(1);
    void this.#follow(session);
    return life;
  }

  /** Returns one of the sessions; replaces it once it was used often. */
  async #pick(random: Random): Promise<Life> {
    const at = random.below(SESSIONS);
    const life = await this.#lives[at];
    assert.ok(life);
    if (life.calls < MAX_CALLS || life.mayEnd) return life;
    life.mayEnd = true;
    this.#lives[at] = this.#open();
    await this.#retire(life);
    return life;
  }

  async #retire(life: Life): Promise<void> {
    for (const name of NAMES) await this.#read(life, name);
    life.variables.checkWins();
    life.metadata.checkWins();
    life.mayEnd = true;
    await life.session.delete();
    life.ended();
    const code = await this.#den.sessions.get(life.session.id).then(() => "found", codeOf);
    assert.equal(code, "unknown_session");
  }

  async #byLibrary(random: Random): Promise<void> {
    const life = await this.#pick(random);
    await life.use(() => this.#change(life, random));
  }

  async #change(life: Life, random: Random): Promise<void> {
    const { variables } = life.session;
    const name = random.pick(NAMES) ?? "";
    const kind = random.below(10);
    if (kind < 4) await this.#read(life, name);
    else if (kind < 5) {
      const drop = life.variables.drop(name);
      try {
        await variables.delete(name);
        drop.acknowledged();
      } catch (error) {
        if (codeOf(error) !== "unknown_variable") throw error;
        drop.missing();
      }
    } else await this.#set(life, name, kind < 7 ? undefined : life.variables.versionOf(name));
  }

  async #set(life: Life, name: string, base: number | undefined): Promise<void> {
    const value = this.#value();
    const write = life.variables.write(name, value, base);
    try {
      const options = base === undefined ? {} : { ifVersion: base };
      write.acknowledged((await life.session.variables.set(name, value, options)).version);
    } catch (error) {
      if (codeOf(error) !== "version_conflict") throw error;
      assert.ok(error instanceof SnakedenError);
      write.conflicted(error.details.currentVersion as number | null);
    }
  }

  /** Writes a variable from several sides at once, all with the version that is there. */
  async #race(random: Random): Promise<void> {
    const life = await this.#pick(random);
    const name = random.pick(NAMES) ?? "";
    const base = life.variables.versionOf(name);
    const byLibrary = Promise.all(
      [1, 2, 3].map(() => life.use(() => this.#set(life, name, base))),
    );
    const pool = poolOf(random);
    const byTool = this.#byToolOf(life, () => this.#setByTool(life, name, base, { pool }));
    await Promise.all([byLibrary, byTool]);
  }

  async #setByTool(
    { variables, session: { id: sessionId } }: Life,
    name: string,
    base: number | undefined,
    { pool, timeoutMs = 60_000 }: { readonly pool: PoolName; readonly timeoutMs?: number },
  ): Promise<void> {
    const value = this.#value();
    const write = variables.write(name, value, base);
    const { version, current } = await this.#den.execute<
      { readonly version?: number; readonly current?: number | null }
    >(
      "write_variable",
      { name, value, ...(base === undefined ? {} : { base }) },
      { sessionId, timeoutMs, pool },
    );
    if (version !== undefined) write.acknowledged(version);
    else write.conflicted(current ?? null);
  }

  async #read(life: Life, name: string): Promise<void> {
    const read = life.variables.read(name);
    const found = (await life.session.variables.getMany([name])).get(name);
    if (found === undefined) read.missing();
    else read.found(String(found.value), found.version);
  }

  async #byTool(random: Random): Promise<void> {
    const life = await this.#pick(random);
    const name = random.pick(NAMES) ?? "";
    const { variables, session: { id: sessionId } } = life;
    // Some are ended while they run.
    const timeoutMs = random.below(10) === 0 ? 1 + random.below(20) : 60_000;
    const pool = poolOf(random);
    const call = <T>(tool: string, args: Record<string, unknown>): Promise<T> =>
      this.#den.execute<T>(tool, { name, ...args }, { sessionId, timeoutMs, pool });
    await this.#byToolOf(life, async () => {
      const kind = random.below(10);
      if (kind < 4) {
        const read = variables.read(name);
        const found = await call<[string, number] | null>("read_variable", {});
        if (found === null) read.missing();
        else read.found(...found);
      } else if (kind < 5) {
        const drop = variables.drop(name);
        if (await call<boolean>("drop_variable", {})) drop.acknowledged();
        else drop.missing();
      } else if (kind < 7) {
        const value = this.#value();
        const write = variables.write(name, value);
        await call("write_later", { value, seconds: random.next() / 100 });
        write.acknowledged();
      } else {
        const base = kind < 8 ? undefined : variables.versionOf(name);
        await this.#setByTool(life, name, base, { pool, timeoutMs });
      }
    });
  }

  /** Makes a call of a tool, which raises an error if the session has ended. */
  async #byToolOf(life: Life, call: () => Promise<void>): Promise<void> {
    const { hasEnded, session: { id } } = life;
    try {
      await call();
    } catch (error) {
      if (error instanceof SnakedenError && error.code === "python_exception") {
        assert.match(error.message, /unknown_session/);
        assert.ok(life.mayEnd, `the session ${id} is lost`);
      }
      throw error;
    }
    assert.ok(!hasEnded, `the session ${id} has come back`);
  }

  async #update(random: Random): Promise<void> {
    const life = await this.#pick(random);
    const base = life.metadata.versionOf("metadata");
    const value = this.#value();
    await life.use(async () => {
      const write = life.metadata.write("metadata", value, base);
      const known = await this.#den.sessions.get(life.session.id);
      try {
        await known.update({ metadata: { value }, ifVersion: base });
        write.acknowledged(known.version);
      } catch (error) {
        if (codeOf(error) !== "version_conflict") throw error;
        assert.ok(error instanceof SnakedenError);
        write.conflicted(error.details.currentVersion as number);
      }
      const read = life.metadata.read("metadata");
      const { metadata, version } = await this.#den.sessions.get(life.session.id);
      read.found(String(metadata.value), version);
    });
  }

  /** Uses a session that expires or is deleted meanwhile, while others open one with its id. */
  async #useShort(random: Random): Promise<void> {
    const id = random.pick(SHORT_IDS) ?? "";
    const mark = this.#value();
    this.#short.set(mark, undefined);
    const begunAt = this.#ticks.now;
    const ttlMs = random.pick(SHORT_TTLS) ?? 1;
    const { session, created } = await this.#den.sessions.ensure(id, { ttlMs, metadata: { mark } });
    const seen = String(session.metadata.mark);
    assert.ok(this.#short.has(seen), `the session ${id} is of nobody`);
    assert.equal(created, seen === mark);
    const life = this.#short.get(seen) ?? new Life(session, { mayEnd: true, ticks: this.#ticks });
    assert.ok(life.endedAt >= begunAt, `the session ${id} has come back`);
    this.#short.set(seen, life);
    if (!created) this.#short.delete(mark);
    for (let i = random.below(6); i > 0; i--) {
      const kind = random.below(8);
      const goesOn = await life.use(async () => {
        if (kind < 5) await this.#change(life, random);
        else if (kind < 6) await session.touch();
        else if (kind < 7) await session.update({ ttlMs: random.pick(SHORT_TTLS) ?? 1 });
        else {
          await session.delete();
          life.ended();
        }
      });
      if (!goesOn || life.hasEnded) return;
      await new Promise((resolve) => setTimeout(resolve, random.below(ttlMs)));
    }
  }

  async #countStrictly(random: Random): Promise<void> {
    const free = this.#strict.filter(({ isBusy }) => !isBusy);
    await random.pick(free)?.count(random);
  }

  /** Follows the changes of a session until it ends. */
  #follow({ id, variables }: Session): Promise<void> {
    const watch = (async () => {
      let last: bigint | undefined;
      for await (const { kind, position } of variables.changes()) {
        const at = BigInt(position.split(".").at(-1) ?? "");
        const isNext = kind === "reset" || last === undefined || at > last;
        assert.ok(isNext, `a change of ${id} came out of order`);
        last = at;
      }
    })();
    this.#watches.add(watch);
    return watch.finally(() => this.#watches.delete(watch));
  }

  /** Follows the changes of a session for a while. */
  async #watch(random: Random): Promise<void> {
    const { session } = await this.#pick(random);
    const leaving = new AbortController();
    const timer = setTimeout(() => leaving.abort(), random.below(50));
    const most = random.below(5);
    let seen = 0;
    try {
      for await (const _ of session.variables.changes({ signal: leaving.signal })) {
        if (++seen > most) break;
      }
    } catch (error) {
      if (!leaving.signal.aborted && !isUnknownSession(error)) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #value(): string {
    return `value-${++this.#ticks.now}`;
  }
}

function poolOf(random: Random): PoolName {
  return random.pick(POOL_NAMES) ?? "default";
}

function isUnknownSession(error: unknown): boolean {
  return codeOf(error) === "unknown_session";
}

function codeOf(error: unknown): string {
  return error instanceof SnakedenError ? error.code : String(error);
}
