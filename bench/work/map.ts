import { join } from "node:path";
import type { Bench, Subject } from "../bench.ts";
import type { MapCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { HOME } from "../installation.ts";
import type { MapHostOptions } from "../map/host.ts";
import type { Figures } from "../measure.ts";
import { type Result, rowsOf, type Workload } from "../workload.ts";

const ITEMS = 1_000_000;
const WORKERS = [1, 2];
/** The items of a piece of a body. */
const PIECE_ITEMS = 2_000;
const LINE_FEED = 0x0a;

/** Maps over items that do nothing, in the library and over HTTP. */
export const map: Workload = {
  name: "map",
  summary: "1,000,000 items that do nothing, in maps of the library and of HTTP",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    const items = bench.pace.quick ? ITEMS / 10 : ITEMS;
    await using resources = new AsyncDisposableStack();
    const subjects: Subject[] = [];
    for (const workers of WORKERS) {
      const options: MapHostOptions = {
        python: bench.installation.python,
        dataDir: join(HOME, `map-${workers}`),
        workers,
      };
      const host = resources.use(
        await MeasuringProcess.start<MapCommand>("bench/map/host.ts", [JSON.stringify(options)]),
      );
      const url = `http://127.0.0.1:${host.started["port"]}/v1/map?tool=noop`;
      const of = workers === 1 ? "1 worker" : `${workers} workers`;
      const count = (isWarmUp: boolean): number => isWarmUp ? items / 10 : items;
      subjects.push({
        name: `library, ${of}`,
        measure: ({ isWarmUp }) => host.run({ items: count(isWarmUp) }),
      }, {
        name: `HTTP, ${of}`,
        measure: ({ isWarmUp }) => overHttp(url, count(isWarmUp)),
      });
    }
    bench.say("map");
    const medians = await bench.interleave(subjects);
    return [{
      workload: "map",
      title: "Maps",
      about:
        "A tool with one argument returns it, for each item of one map whose results come in " +
        "order. Over HTTP, a client in another process sends lines and counts those of the answer.",
      variants: "map",
      columns: [
        { key: "itemsPerSecond", title: "items/s", unit: "", better: "more", chart: true },
        { key: "hostMicros", title: "Deno CPU an item", unit: "µs", better: "less" },
      ],
      rows: [...medians].flatMap(([name, it]) => rowsOf(name, new Map([["snakeden", it]]))),
    }];
  },
};

/** Runs all items in one request. */
async function overHttp(url: string, items: number): Promise<Figures> {
  const startedAt = performance.now();
  const headers = { "content-type": "application/x-ndjson" };
  const response = await fetch(url, { method: "POST", headers, body: bodyOf(items) });
  let lines = 0;
  for await (const bytes of response.body ?? []) {
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  if (lines !== items) throw new Error(`${lines} of ${items} items were answered`);
  return { itemsPerSecond: items / seconds };
}

function bodyOf(items: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next = 0;
  return new ReadableStream({
    pull: (to) => {
      if (next >= items) return to.close();
      let text = "";
      for (const end = Math.min(items, next + PIECE_ITEMS); next < end; next++) {
        text += `{"i":${next}}\n`;
      }
      to.enqueue(encoder.encode(text));
    },
  }, { highWaterMark: 0 });
}
