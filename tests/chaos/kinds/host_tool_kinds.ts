import assert from "node:assert/strict";
import { z } from "zod";
import { defineTool, type Snakeden, SnakedenError, type SnakedenOptions } from "../../../mod.ts";
import type { Random } from "../random.ts";
import { type Kind, leaveAfter, pause } from "./kind.ts";
import type { OpenWork } from "./open_work.ts";

type HostTools = NonNullable<SnakedenOptions["hostTools"]>;

/** The deadline of calls that call back, since two of them may wait for each other. */
const NESTED_MS = 4_000;
/** The ways in which a call that calls back may end, besides those of any call. */
const NESTED_CODES = ["deadline_exceeded", "call_depth_exceeded"];
const POOLS = ["inner", "inner", "inner", "default"];

/** Calls of host tools from Python, which answer, stream, fail, wait, and call Python again. */
export class HostToolKinds {
  /** The host tools, for the configuration. */
  readonly tools: HostTools;
  readonly #open: OpenWork;
  #den: Snakeden | undefined;

  constructor(open: OpenWork) {
    this.#open = open;
    this.tools = this.#tools();
  }

  /** The kinds of calls of a host that has the tools. */
  kinds(den: Snakeden): Kind[] {
    this.#den = den;
    const nested = { codes: NESTED_CODES, causes: NESTED_CODES };
    return [
      { name: "host tool", weight: 8, run: (random) => this.#double(random) },
      { name: "host tools at once", weight: 3, run: (random) => this.#often(random) },
      { name: "host tool of the library", weight: 2, run: (random) => this.#direct(random) },
      { name: "host stream", weight: 5, run: (random) => this.#read(random) },
      { name: "host stream relayed", weight: 3, run: (random) => this.#relay(random) },
      {
        name: "host tool throws",
        weight: 3,
        run: (random) => this.#throw(random),
        causes: ["host_tool_failed", "version_conflict"],
      },
      { name: "host tool's error caught", weight: 2, run: (random) => this.#catch(random) },
      { name: "host tool left by a task", weight: 3, run: (random) => this.#leaveByTask(random) },
      {
        name: "host tool left",
        weight: 4,
        run: (random) => this.#leave(random),
        codes: ["left"],
      },
      {
        name: "host tool late",
        weight: 3,
        run: (random) => this.#late(random),
        codes: ["deadline_exceeded"],
        causes: ["deadline_exceeded"],
      },
      { name: "nested", weight: 6, run: (random) => this.#nest(random), ...nested },
      { name: "nested stream", weight: 4, run: (random) => this.#nestStream(random), ...nested },
      {
        name: "nested and left",
        weight: 3,
        run: (random) => this.#nestAndLeave(random),
        codes: [...NESTED_CODES, "left"],
        causes: NESTED_CODES,
      },
      { name: "to and fro", weight: 1, run: (random) => this.#bounce(random), ...nested },
    ];
  }

  get #host(): Snakeden {
    assert.ok(this.#den);
    return this.#den;
  }

  async #double(random: Random): Promise<void> {
    const n = random.below(1_000);
    const name = random.pick(["double", "double_later"]) ?? "";
    assert.equal(await this.#host.execute("ask_host", { name, args: { n } }), 2 * n);
  }

  async #often(random: Random): Promise<void> {
    const count = random.below(300);
    const answer = await this.#host.execute("ask_host_often", { count });
    assert.deepEqual(answer, Array.from({ length: count }, (_, n) => 2 * n));
  }

  async #direct(random: Random): Promise<void> {
    const n = random.below(3_000);
    if (n % 2 === 0) {
      assert.equal(await this.#host.execute("double_later", { n }), 2 * n);
      return;
    }
    const most = random.below(2) === 0 ? random.below(n) : n;
    let seen = 0;
    for await (const item of this.#host.stream("items", { n, pauseMs: 1 })) {
      assert.equal(item, seen++);
      if (seen > most) break;
    }
  }

  async #read(random: Random): Promise<void> {
    const n = random.below(2_500);
    const most = random.below(2) === 0 ? 1 + random.below(n + 1) : n + 1;
    const args = { n, pauseMs: random.below(3) };
    const answer = await this.#host.execute("read_host", { name: "items", args, most });
    assert.deepEqual(answer, Array.from({ length: Math.min(n, most) }, (_, i) => i));
  }

  async #relay(random: Random): Promise<void> {
    const n = random.below(1_000);
    const most = random.below(2) === 0 ? random.below(n + 1) : n;
    const args = { n, pauseMs: random.below(3) };
    let seen = 0;
    for await (const item of this.#host.stream("relay_host", { name: "items", args })) {
      assert.equal(item, seen++);
      if (seen > most) return;
    }
    assert.equal(seen, n);
  }

  async #throw(random: Random): Promise<void> {
    const failAt = random.below(500);
    const how = random.pick(["error", "later", "conflict"]);
    const call = random.below(2) === 0
      ? { name: "fails", args: { how } }
      : { name: "items", args: { n: 1_000, pauseMs: 1, failAt } };
    const tool = random.below(2) === 0 ? "ask_host" : "relay_host";
    const name = tool === "relay_host" ? "items" : call.name;
    const args = name === call.name ? call.args : { n: 1_000, pauseMs: 1, failAt };
    await this.#host.execute(tool, { name, args });
    throw new Error("a host tool has not failed");
  }

  async #catch(random: Random): Promise<void> {
    const how = random.pick(["error", "later", "conflict"]);
    const code = await this.#host.execute("catch_host", { name: "fails", args: { how } });
    assert.equal(code, how === "conflict" ? "version_conflict" : "host_tool_failed");
  }

  async #leaveByTask(random: Random): Promise<void> {
    const name = random.pick(["waits", "deaf"]) ?? "";
    const args = { name, args: {}, seconds: random.next() / 30 };
    assert.equal(await this.#host.execute("leave_host", args), "left");
  }

  async #leave(random: Random): Promise<void> {
    await leaveAfter(random.below(40), (signal) => {
      const stream = { name: "items", args: { n: 1e9, pauseMs: 1 } };
      const wait = { name: random.pick(["waits", "deaf_for_long"]), args: {} };
      return random.below(2) === 0
        ? this.#host.execute("read_host", { ...stream, most: 1e9 }, { signal })
        : this.#host.execute("ask_host", wait, { signal });
    });
  }

  async #late(random: Random): Promise<void> {
    const timeoutMs = 1 + random.below(60);
    const name = random.pick(["waits", "deaf_for_long"]);
    await this.#host.execute("ask_host", { name, args: {} }, { timeoutMs });
    throw new Error("a host tool has ended before its deadline");
  }

  async #nest(random: Random): Promise<void> {
    const key = random.below(1_000);
    const name = random.pick(["nests", "nests_plainly", "nests_and_forgets"]);
    const args = { name, args: { key, pool: random.pick(POOLS) } };
    const answer = await this.#host.execute("ask_host", args, { timeoutMs: NESTED_MS });
    assert.equal(answer, key);
  }

  async #nestStream(random: Random): Promise<void> {
    const n = random.below(1_500);
    const most = random.below(2) === 0 ? 1 + random.below(n + 1) : n + 1;
    const args = { name: "nests_stream", args: { n, pool: random.pick(POOLS) }, most };
    const answer = await this.#host.execute("read_host", args, { timeoutMs: NESTED_MS });
    assert.deepEqual(answer, Array.from({ length: Math.min(n, most) }, (_, i) => i));
  }

  async #nestAndLeave(random: Random): Promise<void> {
    const args = { name: "nests_nap", args: { pool: random.pick(POOLS) } };
    const timeoutMs = NESTED_MS;
    await leaveAfter(
      random.below(40),
      (signal) => this.#host.execute("ask_host", args, { timeoutMs, signal }),
    );
  }

  async #bounce(random: Random): Promise<void> {
    const depth = random.below(3);
    const args = { name: "bounces", args: { depth, pool: random.pick(POOLS) } };
    const answer = await this.#host.execute("ask_host", args, { timeoutMs: NESTED_MS });
    assert.equal(answer, depth);
  }

  #tools(): HostTools {
    const expose = "all" as const;
    const n = z.object({ n: z.number().int() });
    const pool = z.string();
    return [
      defineTool({ name: "double", input: n, expose, exposeHttp: true, run: ({ n }) => 2 * n }),
      defineTool({
        name: "double_later",
        input: n,
        expose,
        run: async ({ n }) => {
          await this.#open.during("double_later", () => pause(n % 10));
          return 2 * n;
        },
      }),
      defineTool({
        name: "fails",
        input: z.object({ how: z.enum(["error", "later", "conflict"]) }),
        expose,
        run: async ({ how }) => {
          if (how === "later") await pause(2);
          if (how === "conflict") throw new SnakedenError("version_conflict", "as it should");
          throw new Error("as it should");
        },
      }),
      defineTool({
        name: "waits",
        expose,
        run: (_, { signal }) => this.#open.during("waits", () => aborted(signal)),
      }),
      defineTool({ name: "deaf", expose, run: () => this.#open.during("deaf", () => pause(100)) }),
      defineTool({
        name: "deaf_for_long",
        expose,
        run: () => this.#open.during("deaf", () => pause(1_000)),
      }),
      defineTool({
        name: "items",
        input: z.object({
          n: z.number(),
          pauseMs: z.number(),
          failAt: z.number().optional(),
        }),
        expose,
        exposeHttp: true,
        run: (args) => this.#open.reading("items", items(args)),
        streams: true,
      }),
      defineTool({
        name: "nests",
        input: z.object({ key: z.number(), pool }),
        expose,
        run: ({ key, pool }, call) => call.execute("quick", { key }, { pool }),
      }),
      defineTool({
        name: "nests_plainly",
        input: z.object({ key: z.number(), pool }),
        expose,
        run: ({ key, pool }) => this.#host.execute("quick", { key }, { pool }),
      }),
      defineTool({
        name: "nests_and_forgets",
        input: z.object({ key: z.number(), pool }),
        expose,
        run: ({ key, pool }, call) => {
          void call.execute("nap", { seconds: 1 }, { pool });
          return key;
        },
      }),
      defineTool({
        name: "nests_stream",
        input: z.object({ n: z.number(), pool }),
        expose,
        run: ({ n, pool }, call) =>
          this.#open.reading("nests_stream", call.stream("numbers", { n }, { pool })),
        streams: true,
      }),
      defineTool({
        name: "nests_nap",
        input: z.object({ pool }),
        expose,
        run: ({ pool }, call) => call.execute("nap", { seconds: 2 }, { pool }),
      }),
      defineTool({
        name: "bounces",
        input: z.object({ depth: z.number(), pool }),
        expose,
        run: async ({ depth, pool }, call) => {
          if (depth === 0) return 0;
          const args = { name: "bounces", args: { depth: depth - 1, pool } };
          return 1 + await call.execute<number>("ask_host", args, { pool });
        },
      }),
    ];
  }
}

async function* items(
  { n, pauseMs, failAt }: {
    readonly n: number;
    readonly pauseMs: number;
    readonly failAt?: number | undefined;
  },
): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) {
    if (i % 100 === 99) await pause(pauseMs);
    if (i === failAt) throw new Error("as it should");
    yield i;
  }
}

/** Rejects once a signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
