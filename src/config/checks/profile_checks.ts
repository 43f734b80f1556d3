import type { FieldIssue } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { shownValue } from "../config_issues.ts";

/** The keys that only workers of one profile have a use for. */
const KEYS_OF: Readonly<Record<string, string>> = {
  concurrencyPerWorker: "async",
  blockedLoopMs: "async",
  threadsPerWorker: "thread",
  threadChecks: "thread",
};

/** Refuses keys that mean nothing to workers of the profile of a pool. */
export function profileIssues(pool: unknown, i: number): FieldIssue[] {
  if (!isRecord(pool)) return [];
  const { profile = "process" } = pool;
  return [
    ...Object.entries(KEYS_OF).flatMap(([key, needed]) => {
      if (pool[key] === undefined || profile === needed) return [];
      const message = `given ${shownValue(pool[key])} with profile ${shownValue(profile)}; ` +
        `allowed: only with profile: "${needed}"`;
      return [{ path: `pools[${i}].${key}`, message }];
    }),
    ...cpuIssues(pool, i),
  ];
}

/** Refuses a limit of the CPU time of a call where the calls of a process cannot be told apart. */
function cpuIssues(
  { profile = "process", limits }: Readonly<Record<string, unknown>>,
  i: number,
): FieldIssue[] {
  const cpuSeconds = isRecord(limits) ? limits.cpuSeconds : undefined;
  if (cpuSeconds === undefined || profile === "process") return [];
  return [{
    path: `pools[${i}].limits.cpuSeconds`,
    message: `given ${shownValue(cpuSeconds)} with profile ${shownValue(profile)}, whose workers ` +
      'run several calls in one process; allowed: only with profile: "process"',
  }];
}
