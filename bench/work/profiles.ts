import { join } from "node:path";
import type { Bench, Subject } from "../bench.ts";
import type { ChoiceHostOptions } from "../choice/host.ts";
import type { ChoiceCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { HOME } from "../installation.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

/** Calls that a worker of threads runs at once, against one alone. */
interface Case {
  readonly title: string;
  readonly calls: number;
  readonly work: Omit<ChoiceCommand, "calls">;
}

const THREAD_CASES: readonly Case[] = [
  {
    title: "4 that wait (time.sleep)",
    calls: 4,
    work: { tool: "wait", args: { seconds: 0.2 } },
  },
  {
    title: "2 that compute without the interpreter lock",
    calls: 2,
    work: { tool: "hash_it", args: { rounds: 400_000 } },
  },
];

/** The calls of one worker side by side, against one call alone. */
export const profiles: Workload = {
  name: "profiles",
  summary: "calls side by side in one worker, against one call alone",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const options: ChoiceHostOptions = {
      python: bench.installation.python,
      dataDir: join(HOME, "profiles"),
      pool: { size: 1, profile: "thread", threadsPerWorker: 4 },
    };
    await using host = await MeasuringProcess.start<ChoiceCommand>("bench/choice/host.ts", [
      JSON.stringify(options),
    ]);
    bench.say("profiles: thread");
    const medians = await bench.interleave(THREAD_CASES.map(({ title, calls, work }): Subject => ({
      name: title,
      measure: async () => {
        const oneMs = (await host.run({ ...work, calls: 1 })).allMs ?? NaN;
        const allMs = (await host.run({ ...work, calls })).allMs ?? NaN;
        return { oneMs, allMs, times: allMs / oneMs };
      },
    })));
    return [{
      workload: "profiles",
      title: "Calls side by side in one worker of the profile thread",
      about: "One call, then several at once, in one worker with 4 threads.",
      variants: "calls",
      columns: [
        { key: "oneMs", title: "one is done after", unit: "ms", better: "less", isAbsolute: true },
        { key: "allMs", title: "all are done after", unit: "ms", better: "less", isAbsolute: true },
        { key: "times", title: "times one", unit: "", better: "less" },
      ],
      rows: [...medians].flatMap(([title, it]) => rowsOf(title, new Map([["snakeden", it]]))),
    }];
  },
};
