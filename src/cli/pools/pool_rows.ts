import type { PoolInfo } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  writeDocument,
  writeJsonLine,
} from "../command/mod.ts";
import { type Cell, type Column, safeLine, type Style, Table } from "../terminal/mod.ts";

const COLUMNS: readonly Column[] = [
  { name: "NAME" },
  { name: "STATE", minWidth: 9, leaves: 7 },
  { name: "PROFILE", minWidth: 7, leaves: 3 },
  { name: "LAUNCHER", minWidth: 8, leaves: 2 },
  { name: "BUSY", align: "right", leaves: 9 },
  { name: "IDLE", align: "right", leaves: 8 },
  { name: "STARTING", align: "right", minWidth: 8, leaves: 5 },
  { name: "MIN", align: "right", leaves: 6 },
  { name: "MAX", align: "right", leaves: 6 },
  { name: "SPARE", align: "right", leaves: 1 },
  { name: "QUEUED", align: "right", leaves: 10 },
  { name: "DETAIL", minWidth: 16, leaves: 4 },
];

const STYLES: Readonly<Record<PoolInfo["state"], Style>> = {
  starting: "cyan",
  ready: "green",
  unhealthy: "red",
  stopping: "yellow",
  stopped: "dim",
};

/** Writes all pools. */
export async function listPools(context: Context): Promise<ExitStatus> {
  const { client, output, isJson } = context;
  const pools = await client.pools.list();
  if (isJson) await writeDocument(context, { pools });
  else if (pools.length === 0) await output.note("There are no pools.");
  else await writePools(pools, context);
  return EXIT.ok;
}

/** Writes pools: a table, their names, or JSON; one is a document, several are lines. */
export async function writePools(pools: readonly PoolInfo[], context: Context): Promise<void> {
  const { output, isJson, isQuiet } = context;
  const [first] = pools;
  if (first === undefined) return;
  if (isQuiet) return await output.lines(pools.map(({ name }) => safeLine(name)));
  if (!isJson) {
    const { paint, width } = output;
    return await output.lines(new Table(COLUMNS, { paint, width }).lines(pools.map(poolRow)));
  }
  if (pools.length === 1) return await writeDocument(context, first);
  for (const pool of pools) await writeJsonLine(context, pool);
}

function poolRow(pool: PoolInfo): Cell[] {
  const { workers: { busy, ready, starting }, min, max, spare, queued } = pool;
  return [
    safeLine(pool.name),
    stateOf(pool),
    safeLine(pool.profile),
    safeLine(pool.launcher),
    ...[busy, ready, starting, min, max, spare, queued].map(String),
    safeLine(detailOf(pool)),
  ];
}

/** Returns the state of a pool; one that is ready, but sends no calls, is paused. */
export function stateOf({ state, paused }: PoolInfo): { readonly text: string; style: Style } {
  if (paused && state === "ready") return { text: "paused", style: "yellow" };
  // A later version may have others.
  return { text: safeLine(state), style: STYLES[state] ?? "bold" };
}

/** Returns what is worth knowing of a pool beside its state. */
function detailOf({ state, paused, reason, launcherFallback, tainted, reload }: PoolInfo): string {
  return [
    ...(paused && state !== "ready" ? ["paused"] : []),
    ...(reason === undefined ? [] : [reason.split("\n")[0]]),
    ...(reload?.state === "failed" ? ["new code cannot be loaded"] : []),
    ...(tainted.length === 0 ? [] : [`${tainted.length} in quarantine`]),
    ...(launcherFallback === undefined ? [] : [`spawned: ${launcherFallback}`]),
  ].join("; ");
}
