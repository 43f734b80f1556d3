import type { PoolInfo, WorkerInfo } from "../../client/mod.ts";
import {
  type Context,
  EXIT,
  type ExitStatus,
  type Fact,
  factLines,
  forEachId,
  timeText,
  writeDocument,
  writeJsonLine,
} from "../command/mod.ts";
import { bytesText, durationText, safeLine, safeText } from "../terminal/mod.ts";
import { stateOf } from "./pool_rows.ts";
import { workerLines } from "./worker_rows.ts";

/** Writes all that is known of pools, and their workers. */
export async function showPools(
  names: readonly string[],
  context: Context,
): Promise<ExitStatus> {
  const { client, output, isJson, isQuiet } = context;
  let isFirst = true;
  return await forEachId(names, context, async (name) => {
    const pool = await client.pools.get(name);
    if (isQuiet) await output.line(safeLine(pool.name));
    else if (isJson && names.length === 1) await writeDocument(context, pool);
    else if (isJson) await writeJsonLine(context, pool);
    else {
      const workers = (await client.workers.list()).filter((it) => it.pool === name);
      await output.lines([...isFirst ? [] : [""], ...poolLines(pool, workers, context)]);
    }
    isFirst = false;
    return EXIT.ok;
  });
}

function poolLines(
  pool: PoolInfo,
  workers: readonly WorkerInfo[],
  context: Context,
): string[] {
  const { output, io } = context;
  const { paint } = output;
  const { min, max, spare, queueLimit, template, launcherFallback, reload } = pool;
  const { ready, busy, starting } = pool.workers;
  const { text, style } = stateOf(pool);
  const isPaused = pool.paused && text !== "paused" ? ", paused" : "";
  const now = io.now();
  const facts: readonly Fact[] = [
    ["state", paint(style, text) + isPaused],
    ["reason", pool.reason && safeText(pool.reason), "red"],
    ["adapter", safeLine(pool.adapter)],
    ["profile", safeLine(pool.profile)],
    ["launcher", safeLine(pool.launcher)],
    ["spawned", launcherFallback && safeText(launcherFallback), "yellow"],
    ["template", template && `pid ${template.pid}, ${bytesText(template.rssBytes)}`],
    ["workers", `${busy} busy, ${ready} idle, ${starting} starting`],
    ["limits", `min ${min}, max ${max}, spare ${spare}`],
    [
      "calls",
      `${pool.begun} of at most ${pool.capacity} run, ${pool.queued} of ${queueLimit} wait`,
    ],
    ["devices", pool.devices?.map(safeLine).join(", ")],
    ["so far", countsText(pool.stats)],
    ["crashes", crashesText(pool)],
    ["quarantine", quarantineText(pool)],
    ["unhealthy", pool.unhealthyDevices.map(({ reason }) => safeText(reason)).join("\n"), "red"],
    ["new code", reload && `${reload.state}: ${reload.files.map(safeLine).join(", ")}`],
    ["since", timeText(reload?.changedAt, now)],
    ["problem", reload?.reason && safeText(reload.reason), "red"],
    ["circuits", circuitsText(pool)],
  ];
  const lines = factLines(["pool", safeLine(pool.name)], facts, output);
  return workers.length === 0 ? lines : [...lines, "", ...workerLines(workers, context)];
}

/** Returns the counters that are not 0, by their names. */
function countsText(counts: PoolInfo["stats"]): string {
  const named = Object.entries(counts).filter(([, count]) => count > 0);
  return named.map(([name, count]) => `${count} ${wordsOf(name)}`).join(", ");
}

function crashesText({ crashes: { total, recent, windowMs, reruns, poisoned } }: PoolInfo): string {
  if (total === 0) return "";
  const kinds = Object.entries(recent).map(([kind, count]) => `${count} ${wordsOf(kind)}`);
  return [
    String(total),
    ...(kinds.length === 0 ? [] : [`${kinds.join(", ")} in the last ${durationText(windowMs)}`]),
    ...(reruns === 0 ? [] : [`${reruns} calls ran again`]),
    ...(poisoned === 0 ? [] : [`${poisoned} calls were given up`]),
  ].join("; ");
}

function quarantineText({ tainted }: PoolInfo): string {
  return tainted
    .map((it) => `${safeLine(it.workerId)} for ${durationText(it.remainingMs)}`).join(", ");
}

function circuitsText({ policies }: PoolInfo): string {
  if (policies === undefined) return "";
  const { circuit, toolCircuits, retries } = policies;
  const named = [
    ...(circuit === undefined ? [] : [["pool", circuit] as const]),
    ...Object.entries(toolCircuits),
  ];
  return [
    ...named.map(([name, { state }]) => `${safeLine(name)} ${wordsOf(state)}`),
    ...(retries === 0 ? [] : [`${retries} retries`]),
  ].join(", ");
}

/** Returns the words of a name such as `timedOut` or `half_open`. */
function wordsOf(name: string): string {
  return safeLine(name.replaceAll("_", " ").replace(/[A-Z]/g, (it) => ` ${it.toLowerCase()}`));
}
