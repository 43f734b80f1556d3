import type { Bench, Subject } from "../bench.ts";
import type { FileCommand, TransferCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { ROOT } from "../installation.ts";
import { temporaryFolder } from "../jobs/start_jobs.ts";
import type { Figures } from "../measure.ts";
import { startSnakedenServer } from "../peers/http_servers.ts";
import { cpuMicros, peakBytes, resetPeak, rssBytes } from "../process_stats.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

const BYTES = 1e9;
const MEGABYTE = 1e6;

/** Blobs and files, beside plain files on the same disk. */
export const files: Workload = {
  name: "files",
  summary: "1 GB as a blob and over HTTP, beside a plain file",
  contenders: ["snakeden"],
  async run(bench: Bench): Promise<Result[]> {
    return [await blobs(bench), await transfers(bench)];
  },
};

async function blobs(bench: Bench): Promise<Result> {
  const bytes = bench.pace.quick ? BYTES / 10 : BYTES;
  await using resources = new AsyncDisposableStack();
  const subjects: Subject[] = [];
  for (const as of ["file", "blob"] as const) {
    const folder = await temporaryFolder(resources);
    const host = resources.use(
      await MeasuringProcess.start<FileCommand>("bench/files/blobs_host.ts", [folder]),
    );
    const measure: Subject["measure"] = ({ isWarmUp }) =>
      host.run({ as, bytes: isWarmUp ? bytes / 10 : bytes });
    subjects.push({ name: as, measure });
  }
  bench.say("files: blobs");
  const medians = await bench.interleave(subjects);
  const rows: Row[] = [];
  for (const [variant, key, half] of VARIANTS) {
    const figures = medians.get(key);
    if (figures === undefined) continue;
    rows.push(...rowsOf(variant, new Map([["snakeden", halfOf(figures, half)]])));
  }
  return {
    workload: "files",
    title: "Blobs",
    about:
      `${
        bytes / 1e6
      } MB in chunks of 64 KiB, the blob and the file by a process each. A blob is hashed, synced and ` +
      "renamed; the plain file is synced. Memory: the most that the process has more than at its start.",
    variants: "work",
    columns: [
      { key: "perSecond", title: "MB/s", unit: "", better: "more", chart: true },
      { key: "memory", title: "memory", unit: "MB", better: "less" },
      { key: "heldMs", title: "event loop held", unit: "ms", better: "less" },
    ],
    rows,
  };
}

const VARIANTS = [
  ["write a plain file", "file", "write"],
  ["copy a plain file", "file", "read"],
  ["write a blob", "blob", "write"],
  ["read a blob", "blob", "read"],
] as const;

function halfOf(figures: Figures, half: "write" | "read"): Figures {
  return {
    perSecond: figures[`${half}PerSecond`] ?? NaN,
    memory: figures[`${half}Memory`] ?? NaN,
    heldMs: figures[`${half}HeldMs`] ?? NaN,
  };
}

const TRANSFERS = [
  ["cp", "copy"],
  ["cp, then sync", "copySynced"],
  ["upload", "upload"],
  ["download", "download"],
] as const;

/** Sends a file there and back over HTTP, in turn with copies of it. */
async function transfers(bench: Bench): Promise<Result> {
  const bytes = bench.pace.quick ? BYTES / 10 : BYTES;
  await using resources = new AsyncDisposableStack();
  const folder = await temporaryFolder(resources);
  const server = resources.use(
    await startSnakedenServer({ pools: [{ name: "default", size: 1 }] }, {
      dataDir: await temporaryFolder(resources),
      path: "",
      body: "",
    }),
  );
  const client = resources.use(
    await MeasuringProcess.spawn<TransferCommand>(bench.installation.python, {
      args: [`${ROOT}bench/files/transfers.py`, folder, String(server.port)],
    }),
  );
  bench.say("files: HTTP");
  await client.run({ do: "make", bytes });
  const idleBytes = rssBytes(server.pid);
  const medians = await bench.interleave(TRANSFERS.map(([name, work]): Subject => ({
    name,
    async measure(): Promise<Figures> {
      resetPeak(server.pid);
      const before = cpuMicros(server.pid);
      const { seconds = NaN } = await client.run({ do: work });
      const isCopy = work === "copy" || work === "copySynced";
      return {
        perSecond: bytes / MEGABYTE / seconds,
        ...(isCopy ? {} : {
          memory: (peakBytes(server.pid) - idleBytes) / MEGABYTE,
          cpuMs: (cpuMicros(server.pid) - before) / 1_000,
        }),
      };
    },
  })));
  return {
    workload: "files",
    title: "Files over HTTP",
    about: `A file of ${bytes / MEGABYTE} MB, copied by \`cp\`, and sent by a client on plain ` +
      "sockets, which discards what it downloads. An upload is hashed and synced, too. Memory: the " +
      "most that the server has more than at its start. CPU: that of the server.",
    variants: "work",
    columns: [
      { key: "perSecond", title: "MB/s", unit: "", better: "more", chart: true },
      { key: "memory", title: "memory", unit: "MB", better: "less" },
      { key: "cpuMs", title: "CPU", unit: "ms", better: "less" },
    ],
    rows: [...medians].flatMap(([name, figures]) => rowsOf(name, new Map([["snakeden", figures]]))),
  };
}
