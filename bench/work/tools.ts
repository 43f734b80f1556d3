import { join } from "node:path";
import type { Bench, Subject } from "../bench.ts";
import type { FlowsCommand } from "../commands.ts";
import { type Carrier, CARRIERS } from "../flows/flow_pool.ts";
import type { FlowsHostOptions } from "../flows/host.ts";
import { MeasuringProcess } from "../host_process.ts";
import { HOME } from "../installation.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const AT_ONCE = 16;
const ITEMS = 1_000_000;

/** Host tools that a tool in Python calls. */
export const tools: Workload = {
  name: "tools",
  summary: "a tool in Python that calls tools in TypeScript, on both carriers",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    await using resources = new AsyncDisposableStack();
    const hosts: [Carrier, MeasuringProcess<FlowsCommand>][] = [];
    for (const carrier of CARRIERS) {
      hosts.push([carrier, resources.use(await startFlowsHost(bench, carrier))]);
    }
    const perHost = (name: string, commandOf: (durationMs: number) => FlowsCommand): Subject[] =>
      hosts.map(([carrier, host]) => ({
        name: `${name}, ${carrier}`,
        measure: ({ durationMs }) => host.run(commandOf(durationMs)),
      }));
    const loop =
      (tool: string, args: Readonly<Record<string, number>> = {}) =>
      (durationMs: number): FlowsCommand => ({
        do: "tool",
        tool,
        args: { seconds: durationMs / 1000, ...args },
      });
    bench.say("tools: calls");
    const calls = await bench.interleave([
      ...perHost("one after the other", loop("call_in_turn")),
      ...perHost(`${AT_ONCE} threads`, loop("call_in_threads", { threads: AT_ONCE })),
      ...perHost(`${AT_ONCE} tasks`, loop("call_in_tasks", { tasks: AT_ONCE })),
    ]);
    bench.say("tools: streams");
    const items = bench.pace.quick ? ITEMS / 10 : ITEMS;
    const streams = await bench.interleave(
      perHost("stream", () => ({ do: "tool", tool: "read_stream", args: { items } })),
    );
    return [{
      workload: "tools",
      title: "Host tools called from Python",
      about: "One tool in one worker calls a host tool with a zod input and output, again and " +
        "again.",
      variants: "calls",
      columns: [
        { key: "callsPerSecond", title: "calls/s", unit: "", better: "more", chart: true },
        { key: "p50Ms", title: "p50", unit: "ms", better: "less" },
        { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
        { key: "hostMicrosPerCall", title: "Deno CPU a call", unit: "µs", better: "less" },
        { key: "workerMicrosPerCall", title: "Python CPU a call", unit: "µs", better: "less" },
      ],
      rows: [...calls].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }, {
      workload: "tools",
      title: "Host tools that stream",
      about: `A tool in Python reads ${items.toLocaleString("en")} numbers of a generator in ` +
        "TypeScript.",
      variants: "carrier",
      columns: [
        { key: "itemsPerSecond", title: "items/s", unit: "", better: "more", chart: true },
      ],
      rows: [...streams].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }];
  },
};

/** Starts the library with one worker, and with the tools in bench/flows. */
export async function startFlowsHost(
  { installation }: Bench,
  carrier: Carrier,
): Promise<MeasuringProcess<FlowsCommand>> {
  const dataDir = join(HOME, `flows-${carrier}`);
  const options: FlowsHostOptions = { python: installation.python, dataDir, carrier };
  return await MeasuringProcess.start("bench/flows/host.ts", [JSON.stringify(options)]);
}
