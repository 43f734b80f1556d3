import type { Bench, Subject } from "../bench.ts";
import type { BodyCommand, FlowsCommand } from "../commands.ts";
import { CARRIERS } from "../flows/flow_pool.ts";
import { startFlowsServer } from "../flows/server.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";
import { startFlowsHost } from "./tools.ts";

const ITEMS = 1_000_000;
const BYTES = 64_000_000;

/** Input streams: from the library, and bodies of HTTP. */
export const inputs: Workload = {
  name: "inputs",
  summary: "input streams of 1,000,000 numbers and of 64 MB",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const scale = bench.pace.quick ? 0.1 : 1;
    await using resources = new AsyncDisposableStack();
    const subjects: Subject[] = [];
    const part = (isWarmUp: boolean): number => isWarmUp ? scale / 10 : scale;
    for (const carrier of CARRIERS) {
      const host = resources.use(await startFlowsHost(bench, carrier));
      for (const kind of ["generator", "iterator"] as const) {
        const command = (items: number): FlowsCommand => ({ do: "numbers", kind, items });
        subjects.push({
          name: `async ${kind}, ${carrier}`,
          measure: ({ isWarmUp }) => host.run(command(part(isWarmUp) * ITEMS)),
        });
      }
    }
    const { client } = resources.use(await startFlowsServer(bench, { name: "inputs", workers: 1 }));
    const body =
      (kind: BodyCommand["kind"], amount: number): Subject["measure"] => ({ isWarmUp }) =>
        client.run({ do: "body", kind, amount: part(isWarmUp) * amount });
    subjects.push(
      { name: "NDJSON over HTTP", measure: body("lines", ITEMS) },
      { name: "bytes over HTTP", measure: body("bytes", BYTES) },
    );
    bench.say("inputs");
    const medians = await bench.interleave(subjects);
    return [{
      workload: "inputs",
      title: "Input streams",
      about: "A tool in Python iterates over numbers, and checks each: `for number in numbers`. " +
        "They come from an async generator or a bare async iterator of a program, or are the " +
        "lines of a body. Bytes are only counted.",
      variants: "source",
      columns: [
        { key: "itemsPerSecond", title: "items/s", unit: "", better: "more", chart: true },
        { key: "megabytesPerSecond", title: "MB/s", unit: "", better: "more" },
      ],
      rows: [...medians].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }];
  },
};
