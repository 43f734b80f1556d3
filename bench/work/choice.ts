import { join } from "node:path";
import type { Bench, Subject } from "../bench.ts";
import type { ChoiceHostOptions } from "../choice/host.ts";
import type { ChoiceCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { HOME } from "../installation.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const CALLS = 8;

interface Kind {
  readonly title: string;
  readonly pool: Readonly<Record<string, unknown>>;
  /** True if its tools should be `async def`. */
  readonly isAsync?: boolean;
}

const KINDS: readonly Kind[] = [
  { title: "process, 2 workers", pool: { size: 2 } },
  { title: `process, ${CALLS} workers`, pool: { size: CALLS } },
  {
    title: `thread, 1 worker with ${CALLS} threads`,
    pool: { size: 1, profile: "thread", threadsPerWorker: CALLS },
  },
  {
    title: "async, 1 worker",
    pool: { size: 1, profile: "async", concurrencyPerWorker: CALLS },
    isAsync: true,
  },
];

interface Work {
  readonly title: string;
  command(isAsync: boolean): Omit<ChoiceCommand, "calls">;
}

const WORKS: readonly Work[] = [
  {
    title: "waits",
    command: (isAsync) => ({ tool: isAsync ? "await_it" : "wait", args: { seconds: 0.05 } }),
  },
  { title: "computes in C", command: () => ({ tool: "hash_it", args: { rounds: 100_000 } }) },
  { title: "computes in Python", command: () => ({ tool: "loop", args: { rounds: 600_000 } }) },
];

type ChoiceHost = MeasuringProcess<ChoiceCommand>;

/** Kinds of work on the profiles of workers: docs/workers.md has the table. */
export const choice: Workload = {
  name: "choice",
  summary: `${CALLS} calls at once that wait or compute, on each profile`,
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    await using resources = new AsyncDisposableStack();
    const hosts: (readonly [Kind, ChoiceHost])[] = [];
    for (const [i, kind] of KINDS.entries()) {
      const options: ChoiceHostOptions = {
        python: bench.installation.python,
        dataDir: join(HOME, `choice-${i}`),
        pool: kind.pool,
      };
      const args = [JSON.stringify(options)];
      try {
        const host = await MeasuringProcess.start<ChoiceCommand>("bench/choice/host.ts", args);
        hosts.push([kind, resources.use(host)]);
      } catch (error) {
        bench.skip(kind.title, error);
      }
    }
    return [await callsAtOnce(bench, hosts), await smallCalls(bench, hosts)];
  },
};

async function callsAtOnce(
  bench: Bench,
  hosts: readonly (readonly [Kind, ChoiceHost])[],
): Promise<Result> {
  const rows: Row[] = [];
  for (const { title, command } of WORKS) {
    bench.say(`choice: ${title}`);
    const medians = await bench.interleave(hosts.map(([kind, host]): Subject => ({
      name: kind.title,
      measure: async () => {
        const work = command(kind.isAsync === true);
        const one = await host.run({ ...work, calls: 1 });
        const all = await host.run({ ...work, calls: CALLS });
        return {
          oneMs: one.allMs ?? NaN,
          allMs: all.allMs ?? NaN,
          times: (all.allMs ?? NaN) / (one.allMs ?? NaN),
        };
      },
    })));
    rows.push(...rowsOf(title, medians));
  }
  return {
    workload: "choice",
    title: "Which profile for which work",
    about: `One call, then ${CALLS} at once. They wait 50 ms (time.sleep, or asyncio.sleep in ` +
      "the profile async), or compute in hashlib, which releases the interpreter lock, or in a " +
      "loop of Python.",
    variants: "a call",
    columns: [
      { key: "oneMs", title: "one is done after", unit: "ms", better: "less", isAbsolute: true },
      { key: "allMs", title: `${CALLS} are done after`, unit: "ms", better: "less", chart: true },
      { key: "times", title: "times one", unit: "", better: "less", isAbsolute: true },
    ],
    rows,
  };
}

async function smallCalls(
  bench: Bench,
  hosts: readonly (readonly [Kind, ChoiceHost])[],
): Promise<Result> {
  bench.say("choice: small calls");
  const medians = await bench.interleave(hosts.map(([kind, host]): Subject => ({
    name: kind.title,
    measure: ({ durationMs }) =>
      host.run({
        tool: kind.isAsync ? "echo_async" : "echo",
        args: { text: "hello" },
        calls: CALLS,
        durationMs,
      }),
  })));
  return {
    workload: "choice",
    title: "Small calls and memory of the profiles",
    about: `${CALLS} callers, one call after the other. Memory is that of all workers of the ` +
      "pool; shared pages are divided among their users.",
    variants: "a call",
    columns: [
      { key: "callsPerSecond", title: "calls/s", unit: "", better: "more", chart: true },
      { key: "mebibytes", title: "memory", unit: "MiB", better: "less", isAbsolute: true },
    ],
    rows: rowsOf("returns a text", medians),
  };
}
