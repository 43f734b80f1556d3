/** Tests the limit of silence of host tools with a clock of the test's own. */
import assert from "node:assert/strict";
import { Value } from "../../../../src/bridge/mod.ts";
import { SnakedenError } from "../../../../src/errors.ts";
import { HostTool } from "../../../../src/tools/host/host_tool.ts";
import { type HostRun, HostRuns, type RunCaller } from "../../../../src/tools/host/runs/mod.ts";
import {
  type HostToolCall,
  type HostToolDefinition,
  HostTools,
  toolMethods,
} from "../../../../src/tools/mod.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";
import { nextTurn } from "../../../fixtures/until.ts";
import { callOf, exposed, LIMITS } from "../asking_call.ts";

const LIMIT_MS = 1_000;
/** The time after its limit in which a silent call is found: two slots of alarms and a pause. */
const SEEN_MS = 40;

interface SetUp extends Disposable {
  readonly runs: HostRuns;
  begin(definition: HostToolDefinition, caller?: Partial<RunCaller>): HostRun;
  /** Lets time pass in steps, between which promises settle. */
  advance(ms: number): Promise<void>;
}

function setUp(): SetUp {
  const clock = new FakeClock();
  const runs = new HostRuns({
    limits: LIMITS,
    clock,
    calls: () => {
      throw new Error("no tool here calls others");
    },
  });
  return {
    runs,
    begin: (definition, caller = {}) =>
      runs.begin(HostTool.of(definition as never), {
        depth: 0,
        ancestors: [],
        sessionId: undefined,
        pool: undefined,
        workerId: undefined,
        deadlineAt: Infinity,
        signal: undefined,
        ...caller,
      }),
    async advance(ms): Promise<void> {
      for (let left = ms; left > 0; left -= 50) {
        clock.advance(Math.min(50, left));
        await nextTurn();
      }
    },
    [Symbol.dispose]: () => runs[Symbol.dispose](),
  };
}

/** Returns a function that returns the error of a call, or undefined while it runs. */
function failureOf(call: unknown): () => SnakedenError | undefined {
  let failure: SnakedenError | undefined;
  Promise.resolve(call).then(
    () => failure = new SnakedenError("internal", "it returned"),
    (error: SnakedenError) => failure = error,
  );
  return () => failure;
}

/** A tool that waits for what the test decides. */
function waiting(
  rest: Partial<HostToolDefinition> = {},
): { readonly tool: HostToolDefinition; readonly calls: HostToolCall[] } {
  const calls: HostToolCall[] = [];
  const run = (_args: unknown, call: HostToolCall): Promise<never> => {
    calls.push(call);
    return new Promise(() => {});
  };
  return { tool: exposed("waits", run as never, rest as never), calls };
}

Deno.test("a silent host tool fails with stalled in the words of workers, and its signal aborts", async () => {
  using it = setUp();
  const { tool, calls } = waiting({ stallTimeoutMs: LIMIT_MS });
  const failure = failureOf(it.begin(tool).value({}));
  const signal = calls[0]?.signal;
  await it.advance(LIMIT_MS - 1);
  assert.deepEqual([failure(), signal?.aborted], [undefined, false]);
  await it.advance(1 + SEEN_MS);
  const error = failure();
  assert.deepEqual([error?.code, error?.retryable], ["stalled", false]);
  assert.match(
    error?.message ?? "",
    /^Cannot finish waits: it has shown nothing for 1\d{3} ms since it began; allowed: 1000 ms without a chunk, progress or a request to the host \(stallTimeoutMs\)$/,
  );
  const { silentMs, ...details } = error?.details ?? {};
  assert.ok(typeof silentMs === "number" && silentMs >= LIMIT_MS);
  assert.deepEqual(details, { stallTimeoutMs: LIMIT_MS, workerId: "host", lastSign: "start" });
  assert.equal(signal?.reason, error);
  assert.deepEqual([it.runs.running, it.runs.alarms.size], [0, 0]);
});

Deno.test("the limit of silence of a host tool is that of the caller, else of the tool, and 0 is none", async () => {
  for (
    const [own, callers, expected] of [
      [undefined, undefined, undefined],
      [LIMIT_MS, 0, undefined],
      [LIMIT_MS, 500, 500],
      [500, LIMIT_MS, LIMIT_MS],
      [undefined, 500, 500],
    ] as const
  ) {
    using it = setUp();
    const { tool } = waiting(own === undefined ? {} : { stallTimeoutMs: own });
    const failure = failureOf(it.begin(tool, { stallTimeoutMs: callers }).value({}));
    await it.advance(3 * LIMIT_MS);
    assert.equal(failure()?.details["stallTimeoutMs"], expected);
  }
});

Deno.test("progress keeps a host tool from being stalled, also if nobody listens", async () => {
  using it = setUp();
  const { tool, calls } = waiting({ stallTimeoutMs: LIMIT_MS });
  const failure = failureOf(it.begin(tool).value({}));
  for (let i = 0; i < 5; i++) {
    await it.advance(LIMIT_MS - 100);
    calls[0]?.progress(i);
  }
  assert.equal(failure(), undefined);
  await it.advance(LIMIT_MS + SEEN_MS);
  assert.deepEqual([failure()?.code, failure()?.details["lastSign"]], ["stalled", "progress"]);
});

/** A generator that yields when the test says so. */
function stepped(): { readonly tool: HostToolDefinition; step(): void } {
  let step = Promise.withResolvers<void>();
  const tool = exposed("steps", async function* (): AsyncGenerator<number> {
    for (let i = 0;; i++) {
      await step.promise;
      step = Promise.withResolvers();
      yield i;
    }
  }, { stallTimeoutMs: LIMIT_MS });
  return { tool, step: () => step.resolve() };
}

Deno.test("each chunk of a host tool is a sign, also where all of them are one list", async () => {
  for (const way of ["value", "open"] as const) {
    using it = setUp();
    const { tool, step } = stepped();
    const run = it.begin(tool);
    const failure = failureOf((async () => {
      await run[way]({});
      while (true) await run.next();
    })());
    for (let i = 0; i < 5; i++) {
      await it.advance(LIMIT_MS - 100);
      step();
      await nextTurn();
    }
    assert.equal(failure(), undefined);
    await it.advance(LIMIT_MS + SEEN_MS);
    assert.deepEqual([failure()?.code, failure()?.details["lastSign"]], ["stalled", "chunk"]);
  }
});

Deno.test("time does not count while the reader of a host tool asks for nothing", async () => {
  using it = setUp();
  const { tool, step } = stepped();
  const run = it.begin(tool);
  step();
  assert.deepEqual((await run.open({})).items, [0]);
  run.pause();
  await it.advance(5 * LIMIT_MS);
  assert.equal(run.isEnded, false);
  const failure = failureOf(run.next());
  await it.advance(LIMIT_MS - 100);
  assert.equal(failure(), undefined);
  await it.advance(100 + SEEN_MS);
  assert.deepEqual([failure()?.code, failure()?.details["lastSign"]], ["stalled", "read"]);
});

Deno.test("time does not count while a tool in Python does not ask for the next items", async () => {
  using it = setUp();
  const { tool, step } = stepped();
  const tools = new HostTools({ pools: () => ["default"], isOpen: () => Promise.resolve(true) });
  tools.register([tool]);
  const methods = toolMethods({ tools, runs: it.runs });
  const call = callOf();
  const ask = async (method: string, args: unknown): Promise<unknown> =>
    (await methods[method]?.(call, Value.from(args)))?.decode();
  step();
  assert.deepEqual(await ask("tools.open", { id: 1, name: "steps", args: {} }), {
    items: [0],
    done: false,
  });
  for (let i = 1; i < 3; i++) {
    await it.advance(3 * LIMIT_MS);
    const next = ask("tools.next", { id: 1 });
    step();
    assert.deepEqual(await next, { items: [i], done: false });
  }
  await it.advance(3 * LIMIT_MS);
  const failure = failureOf(ask("tools.next", { id: 1 }));
  await it.advance(LIMIT_MS + SEEN_MS);
  assert.equal(failure()?.code, "stalled");
});

Deno.test("a call of a host tool that has ended leaves no alarm behind", async () => {
  using it = setUp();
  const rest = { stallTimeoutMs: LIMIT_MS };
  it.begin(exposed("plain", () => 1, rest)).value({});
  await it.begin(exposed("later", () => Promise.resolve(1), rest)).value({});
  await assert.rejects(async () => {
    await it.begin(exposed("throws", () => Promise.reject(new Error("no")), rest)).value({});
  }, { code: "host_tool_failed" });
  assert.deepEqual([it.runs.running, it.runs.alarms.size], [0, 0]);
});
