import { setTimeout as delay } from "node:timers/promises";
import process from "node:process";
import type { Snakeden } from "snakeden";
import { LoopProbe } from "../loop_probe.ts";
import type { Figures } from "../measure.ts";
import { rssBytes } from "../process_stats.ts";

const MIB = 2 ** 20;
const TURN_MS = 5;

/** Runs a job that prints so many lines, while so many readers follow its log. */
export async function followLog(
  { jobs }: Pick<Snakeden, "jobs">,
  { lines, readers }: { readonly lines: number; readonly readers: number },
): Promise<Figures> {
  using probe = new LoopProbe();
  const startedAt = performance.now();
  const job = await jobs.submit({ tool: "print_lines", args: { count: lines } });
  const read = async (): Promise<void> => {
    let next = 0;
    for await (const { source, text } of job.logs()) {
      if (source !== "stdout") continue;
      if (text !== `line ${next}`) throw new Error(`given "${text}" for the line ${next}`);
      next++;
    }
    if (next !== lines) throw new Error(`${next} of ${lines} lines were read`);
  };
  await Promise.all([job.result(), ...Array.from({ length: readers }, read)]);
  const ms = performance.now() - startedAt;
  // A turn that has just ended is noted with the next one.
  await delay(TURN_MS);
  return {
    linesPerSecond: lines / (ms / 1_000),
    heldMs: probe.longestMs,
    hostMiB: rssBytes(process.pid) / MIB,
  };
}
