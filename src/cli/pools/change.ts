import type { PoolInfo, ReloadResult, ResizeRequest } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  forEachId,
  UsageError,
  writeDocument,
} from "../command/mod.ts";
import { safeLine } from "../terminal/mod.ts";
import { writePools } from "./pool_rows.ts";

/** Options of {@link resizePool}. */
export type ResizeFlags = ResizeRequest;

/** Changes how many workers a pool keeps, and shows it. */
export async function resizePool(
  name: string,
  { flags: { size, min, max, spare }, context }: {
    readonly flags: ResizeFlags;
    readonly context: Context;
  },
): Promise<ExitStatus> {
  const given = Object.entries({ size, min, max, spare }).filter(([, it]) => it !== undefined);
  if (given.length === 0) {
    throw new UsageError(
      `Cannot resize the pool ${name}: no number is given; allowed: --size, or any of --min, ` +
        "--max and --spare",
    );
  }
  if (size !== undefined && (min !== undefined || max !== undefined)) {
    throw new UsageError(
      `--size: given ${size} beside --min or --max; allowed: --size, or --min and --max`,
    );
  }
  const change: ResizeRequest = Object.fromEntries(given);
  await writePools([await context.client.pools.resize(name, change)], context);
  return EXIT.ok;
}

/** Pauses or resumes pools, and shows them. */
export async function pausePools(
  verb: "pause" | "resume",
  names: readonly string[],
  context: Context,
): Promise<ExitStatus> {
  const { client: { pools } } = context;
  const changed: PoolInfo[] = [];
  try {
    return await forEachId(names, context, async (name) => {
      changed.push(await pools[verb](name));
      return EXIT.ok;
    });
  } finally {
    await writePools(changed, context);
  }
}

/** Lets the server read its configuration anew, and shows what has changed. */
export async function reloadHost(context: Context): Promise<ExitStatus> {
  const { client, output, isJson, isQuiet } = context;
  const result = await client.reload({ signal: context.signal });
  if (isJson) {
    await writeDocument(context, result);
    return EXIT.ok;
  }
  const { pools: { added, changed, adjusted, removed } } = result;
  if (isQuiet) {
    await output.lines([...added, ...changed, ...adjusted, ...removed].map(safeLine));
    return EXIT.ok;
  }
  const lines = linesOf(result);
  if (lines.length === 0) await output.note("The configuration has not changed.");
  await output.lines(lines);
  return EXIT.ok;
}

function linesOf({ pools, applied, needsRestart }: ReloadResult): string[] {
  const groups: readonly (readonly [name: string, items: readonly string[]])[] = [
    ["added", pools.added],
    ["changed", pools.changed],
    ["adjusted", pools.adjusted],
    ["removed", pools.removed],
    ["applied", applied],
    ["needs restart", needsRestart],
  ];
  const label = Math.max(...groups.map(([name]) => name.length)) + 2;
  return groups.filter(([, items]) => items.length > 0)
    .map(([name, items]) => name.padEnd(label) + items.map(safeLine).join(", "));
}
