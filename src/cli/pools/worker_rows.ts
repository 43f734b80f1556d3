import type { WorkerInfo } from "../../client/mod.ts";
import type { Context } from "../command/mod.ts";
import {
  ageText,
  bytesText,
  type Cell,
  type Column,
  relativeTime,
  safeLine,
  type Style,
  Table,
} from "../terminal/mod.ts";

const COLUMNS: readonly Column[] = [
  { name: "ID" },
  { name: "STATE", minWidth: 8, leaves: 9 },
  { name: "PID", align: "right", leaves: 7 },
  { name: "LAUNCHER", minWidth: 8, leaves: 1 },
  { name: "RUNNING", align: "right", minWidth: 7, leaves: 6 },
  { name: "CALLS", align: "right", leaves: 2 },
  { name: "USED", align: "right", minWidth: 8, leaves: 8 },
  { name: "AGE", align: "right", leaves: 4 },
  { name: "MEMORY", align: "right", minWidth: 7, leaves: 3 },
  { name: "DETAIL", minWidth: 10, leaves: 5 },
];

const STYLES: Readonly<Record<WorkerInfo["state"], Style>> = {
  starting: "cyan",
  ready: "green",
  busy: "bold",
  stopping: "yellow",
  gone: "dim",
};

/** Returns the lines of a table of workers. */
export function workerLines(workers: readonly WorkerInfo[], { output, io }: Context): string[] {
  const { paint, width } = output;
  const now = io.now();
  return new Table(COLUMNS, { paint, width }).lines(workers.map((it) => workerRow(it, now)));
}

function workerRow(worker: WorkerInfo, now: number): Cell[] {
  const { state, pid, rssBytes, begun, capacity } = worker;
  return [
    safeLine(worker.id),
    // A later version may have others.
    { text: safeLine(state), style: STYLES[state] ?? "bold" },
    pid === undefined ? "" : String(pid),
    safeLine(worker.launcher ?? ""),
    `${begun}/${capacity}`,
    String(worker.calls),
    worker.lastUsedAt === undefined ? "never" : relativeTime(worker.lastUsedAt, now),
    ageText(worker.startedAt, now),
    rssBytes === undefined ? "" : bytesText(rssBytes),
    safeLine(detailOf(worker)),
  ];
}

function detailOf({ replaceCause, device, warnings = [], blockedTools = [] }: WorkerInfo): string {
  return [
    ...(replaceCause === undefined ? [] : [`ends: ${replaceCause}`]),
    ...(device === undefined ? [] : [device.id]),
    ...warnings,
    ...blockedTools.map(({ tool }) => `${tool || "code of no call"} holds up the event loop`),
  ].join("; ");
}
