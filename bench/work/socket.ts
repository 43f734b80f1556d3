import type { Bench, Subject } from "../bench.ts";
import type { FramesCommand } from "../commands.ts";
import { startFlowsServer } from "../flows/server.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const CLIENTS = 8;
const CALL_WORKERS = 2;
/** A round has at least 50 frames of each client. */
const MIN_ROUND_MS = 1_000;

/** Frames of audio over WebSockets. */
export const socket: Workload = {
  name: "socket",
  summary: "20 ms frames of audio of 8 clients, there and back over WebSockets",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    await using resources = new AsyncDisposableStack();
    const subjects: Subject[] = [];
    const variants: [string, FramesCommand["as"], number][] = [
      ["input stream", "input", CLIENTS],
      ["a call per frame", "calls", CALL_WORKERS],
    ];
    for (const [name, as, workers] of variants) {
      const { client } = resources.use(await startFlowsServer(bench, { name: as, workers }));
      subjects.push({
        name: `${name}, ${workers} workers`,
        measure: ({ durationMs }) =>
          client.run({
            ...{ do: "frames", as, clients: CLIENTS },
            durationMs: 3 * Math.max(MIN_ROUND_MS, durationMs),
          }),
      });
    }
    bench.say("socket");
    const medians = await bench.interleave(subjects);
    return [{
      workload: "socket",
      title: "Frames of audio over WebSockets",
      about:
        `${CLIENTS} clients, with a socket each, send frames of 640 bytes every 20 ms, which ` +
        "a tool sends back: as the items of one call, or each in a call of its own.",
      variants: "frames",
      columns: [
        { key: "framesPerSecond", title: "frames/s", unit: "", better: "more" },
        { key: "p50Ms", title: "p50", unit: "ms", better: "less", chart: true },
        { key: "p99Ms", title: "p99", unit: "ms", better: "less", chart: true },
        { key: "maxMs", title: "longest", unit: "ms", better: "less" },
      ],
      rows: [...medians].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }];
  },
};
