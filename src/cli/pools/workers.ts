import type { WorkerInfo } from "../../client/mod.ts";
import { type Context, EXIT, type ExitStatus, forEachId, writeDocument } from "../command/mod.ts";
import { safeLine } from "../terminal/mod.ts";
import { workerLines } from "./worker_rows.ts";

/** Options of {@link endWorkers}. */
export interface EndFlags {
  readonly hard?: boolean;
}

/** Writes the workers of all pools, or of some. */
export async function listWorkers(
  names: readonly string[],
  context: Context,
): Promise<ExitStatus> {
  const { client, output, isJson, isQuiet } = context;
  let workers: readonly WorkerInfo[] = await client.workers.list();
  const status = await forEachId(names, context, async (name) => {
    // The server knows the names that are near.
    await client.pools.get(name);
    return EXIT.ok;
  });
  if (names.length > 0) workers = workers.filter(({ pool }) => names.includes(pool));
  if (isJson) await writeDocument(context, { workers });
  else if (isQuiet) await output.lines(workers.map(({ id }) => safeLine(id)));
  else if (workers.length === 0) await output.note("There are no workers.");
  else await output.lines(workerLines(workers, context));
  return status;
}

/** Starts workers of a pool, and writes the ids of those that are ready. */
export async function startAhead(
  name: string,
  { count, context }: { readonly count: number; readonly context: Context },
): Promise<ExitStatus> {
  const { client: { pools }, output } = context;
  const ids = await pools.startAhead(name, count);
  const none = `No worker was started in the pool ${name}.`;
  await writeIds(ids, { head: `Started in the pool ${name}`, none, context });
  if (ids.length === count) return EXIT.ok;
  const { workers: { ready, busy, starting }, max } = await pools.get(name);
  const has = ready + busy + starting;
  if (has >= max) {
    if (count > 0) await output.note(`The pool ${safeLine(name)} has its ${max} workers.`);
    return EXIT.ok;
  }
  await output.note(
    `The pool ${safeLine(name)} has ${has} of at most ${max} workers; ` +
      `\`deno task pool show ${safeLine(name)}\` and the log of the server say more.`,
  );
  return EXIT.failed;
}

/** Ends the idle workers of a pool, and writes their ids. */
export async function cleanPool(name: string, context: Context): Promise<ExitStatus> {
  const ids = await context.client.pools.cleanIdle(name);
  const none = `No worker of the pool ${name} is idle beyond min and spare.`;
  await writeIds(ids, { head: `Ending in the pool ${name}`, none, context });
  return EXIT.ok;
}

/** Begins to replace the workers of a pool, and writes their ids. */
export async function recyclePool(name: string, context: Context): Promise<ExitStatus> {
  const { workers } = await context.client.pools.startRecycle({ pool: name });
  const none = `The pool ${name} has no worker to replace.`;
  await writeIds(workers, { head: `Replacing in the pool ${name}`, none, context });
  return EXIT.ok;
}

/** Ends workers, and writes the ids of those that are gone. */
export async function endWorkers(
  ids: readonly string[],
  { flags: { hard = false }, context }: { readonly flags: EndFlags; readonly context: Context },
): Promise<ExitStatus> {
  const { client, output, isJson, isQuiet } = context;
  const ended: string[] = [];
  try {
    return await forEachId(ids, context, async (id) => {
      await client.workers.stop(id, { mode: hard ? "hard" : "soft" });
      ended.push(id);
      if (isQuiet) await output.line(safeLine(id));
      else if (!isJson) await output.line(`${safeLine(id)} has ended.`);
      return EXIT.ok;
    });
  } finally {
    if (isJson) await writeDocument(context, { workers: ended });
  }
}

/** Writes ids of workers: a sentence, JSON as over HTTP, or the ids alone. */
async function writeIds(
  ids: readonly string[],
  { head, none, context }: {
    readonly head: string;
    readonly none: string;
    readonly context: Context;
  },
): Promise<void> {
  const { output, isJson, isQuiet } = context;
  if (isJson) return await writeDocument(context, { workers: ids });
  if (isQuiet) return await output.lines(ids.map(safeLine));
  if (ids.length === 0) return await output.note(safeLine(none));
  await output.line(safeLine(`${head}: ${ids.join(", ")}`));
}
