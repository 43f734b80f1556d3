import type { Bench, Subject } from "../bench.ts";
import { startFlowsServer } from "../flows/server.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const EVENTS = 500_000;
const CUTS = [20_000, 1_000];
const RESUME_MS = 10_000;
/** More than the buffers of a connection may hold, since what they lose has to be sent again. */
const REPLAY_BYTES = 33_554_432;

/** Streams that are cut and resumed. */
export const resume: Workload = {
  name: "resume",
  summary: "a stream of 500,000 events that is cut and resumed",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const events = bench.pace.quick ? EVENTS / 10 : EVENTS;
    await using resources = new AsyncDisposableStack();
    const plain = resources.use(await startFlowsServer(bench, { name: "plain", workers: 2 }));
    const kept = resources.use(
      await startFlowsServer(bench, {
        name: "kept",
        workers: 2,
        limits: { streamResumeMs: RESUME_MS, streamReplayBytes: REPLAY_BYTES },
      }),
    );
    const variants: [string, typeof plain, number | undefined][] = [
      ["without streamResumeMs", plain, undefined],
      ["never cut", kept, undefined],
      ...CUTS.map((it): [string, typeof plain, number] => [
        `cut every ${it.toLocaleString("en")}`,
        kept,
        it,
      ]),
    ];
    bench.say("resume");
    const medians = await bench.interleave(
      variants.map(([name, { client }, cutEvery]): Subject => ({
        name,
        measure: ({ isWarmUp }) =>
          client.run({
            do: "events",
            events: isWarmUp ? events / 10 : events,
            ...(cutEvery === undefined ? {} : { cutEvery }),
          }),
      })),
    );
    return [{
      workload: "resume",
      title: "Streams that are cut and resumed",
      about:
        `${events.toLocaleString("en")} Server-Sent Events of a generator. The client checks ` +
        "that each comes once, in order, whatever was cut; a wrong one would end the measurement.",
      variants: "stream",
      columns: [
        { key: "eventsPerSecond", title: "events/s", unit: "", better: "more", chart: true },
        { key: "cuts", title: "cuts", unit: "", better: "less", isAbsolute: true },
        { key: "resumeMs", title: "until the next response", unit: "ms", better: "less" },
      ],
      rows: [...medians].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }];
  },
};
