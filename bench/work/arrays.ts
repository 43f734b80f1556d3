import type { Bench } from "../bench.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const CONTENDERS = ["snakeden", "unary", "raw-socket"];
const SIZES = [
  { variant: "80 KB", bytes: 80_000 },
  { variant: "320 KB", bytes: 320_000 },
  { variant: "8 MB", bytes: 8_000_000 },
  { variant: "64 MB", bytes: 64_000_000 },
];

/** Arrays there and back: the cost of a byte. */
export const arrays: Workload = {
  name: "arrays",
  summary: "a float64 array there and back, 80 KB to 64 MB",
  contenders: CONTENDERS,
  async run(bench: Bench): Promise<Result[]> {
    await using hosts = await bench.hosts(CONTENDERS);
    const rows: Row[] = [];
    for (const { variant, bytes } of SIZES) {
      bench.say(`arrays: ${variant}`);
      const subjects = hosts.entries.map(([name, host]) => ({
        name: name,
        measure: ({ durationMs }: { durationMs: number }) =>
          host.run({ do: "load", callers: 1, durationMs, arrayBytes: bytes }),
      }));
      for (const row of rowsOf(variant, await bench.interleave(subjects))) {
        const seconds = (row.figures.p50Ms ?? NaN) / 1000;
        rows.push({
          ...row,
          figures: { ...row.figures, megabytesPerSecond: 2 * bytes / 1e6 / seconds },
        });
      }
    }
    return [{
      workload: "arrays",
      title: "A float64 array there and back",
      about:
        "One caller. snakeden turns a Float64Array into an array of numpy and back; the peers " +
        "carry bytes.",
      variants: "size",
      columns: [
        { key: "p50Ms", title: "p50", unit: "ms", better: "less", chart: true },
        { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
        { key: "megabytesPerSecond", title: "both ways", unit: "MB/s", better: "more" },
        {
          key: "hostCpuPercent",
          title: "Deno CPU",
          unit: "% of a core",
          better: "less",
          isAbsolute: true,
        },
      ],
      rows,
    }];
  },
};
