/**
 * The host process of the workloads `tools` and `inputs`: a Deno program with one worker and with
 * host tools. Run it as `host.ts OPTIONS`, with the options as JSON; it then takes commands.
 */
import process from "node:process";
import { defineTool, Snakeden } from "snakeden";
import { z } from "zod";
import { messageOf } from "../../src/errors.ts";
import { type FlowsCommand, say, serveCommands } from "../commands.ts";
import type { Figures } from "../measure.ts";
import { cpuMicros, sumOf } from "../process_stats.ts";
import { type Carrier, FLOW_POOL } from "./flow_pool.ts";

/** The options of the host process. */
export interface FlowsHostOptions {
  /** The Python with the packages of a worker. */
  readonly python: string;
  /** A folder that no other host uses at the same time. */
  readonly dataDir: string;
  readonly carrier: Carrier;
}

const LOOKUP = defineTool({
  name: "lookup",
  input: z.object({ id: z.number().int(), text: z.string() }),
  output: z.object({ name: z.string() }),
  expose: "all",
  run: ({ id, text }) => ({ name: `customer ${id} ${text}` }),
});

const NUMBERS = defineTool({
  name: "numbers",
  input: z.object({ to: z.number().int() }),
  expose: "all",
  *run({ to }): Generator<number> {
    for (let i = 0; i < to; i++) yield i;
  },
});

async function run(den: Snakeden, command: FlowsCommand): Promise<Figures> {
  if (command.do === "numbers") return await sendNumbers(den, command);
  const { tool, args } = command;
  const pids = den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]);
  const before = process.cpuUsage();
  const workersBefore = sumOf(pids, cpuMicros);
  const figures = await den.execute<Figures>(tool, args);
  const { user, system } = process.cpuUsage(before);
  const calls = figures.calls ?? NaN;
  return {
    ...figures,
    hostMicrosPerCall: (user + system) / calls,
    workerMicrosPerCall: (sumOf(pids, cpuMicros) - workersBefore) / calls,
  };
}

/** Sends an input stream from the library. */
async function sendNumbers(
  den: Snakeden,
  { items, kind }: FlowsCommand & { readonly do: "numbers" },
): Promise<Figures> {
  const startedAt = performance.now();
  const numbers = kind === "generator" ? generated(items) : counter(items);
  const count = await den.execute("take_all", { numbers });
  if (count !== items) throw new Error(`${count} items of ${items} came`);
  return { itemsPerSecond: items / ((performance.now() - startedAt) / 1000) };
}

async function* generated(items: number): AsyncGenerator<number> {
  for (let i = 0; i < items; i++) yield i;
}

/** An iterator without the costs of a generator. */
function counter(items: number): AsyncIterableIterator<number> {
  let i = 0;
  return {
    [Symbol.asyncIterator](): AsyncIterableIterator<number> {
      return this;
    },
    next: () => Promise.resolve(i < items ? { value: i++ } : { done: true, value: undefined }),
  };
}

if (import.meta.main) {
  try {
    const { python, dataDir, carrier }: FlowsHostOptions = JSON.parse(Deno.args[0] ?? "{}");
    await using den = await Snakeden.start({
      dataDir,
      python: { executable: python },
      pools: [{ ...FLOW_POOL, size: 1, carrier }],
      hostTools: [LOOKUP, NUMBERS],
      readyTimeoutMs: 60_000,
    });
    await serveCommands({ pids: [], figures: {} }, (it: FlowsCommand) => run(den, it));
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
