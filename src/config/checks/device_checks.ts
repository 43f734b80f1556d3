import type { FieldIssue } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { shownValue } from "../config_issues.ts";

/** The variables that decide which devices a worker sees. */
const VISIBILITY_ENV: ReadonlySet<string> = new Set([
  "CUDA_DEVICE_ORDER",
  "CUDA_VISIBLE_DEVICES",
  "HIP_VISIBLE_DEVICES",
  "ROCR_VISIBLE_DEVICES",
  "ZE_AFFINITY_MASK",
  "ZE_FLAT_DEVICE_HIERARCHY",
]);

/** Checks the keys of a pool that give its workers devices. */
export function deviceIssues(pool: unknown, i: number): FieldIssue[] {
  if (!isRecord(pool)) return [];
  const { devices = "inherit" } = pool;
  const path = `pools[${i}]`;
  if (devices === "inherit") return needsDevices(pool, path);
  return [
    ...(Array.isArray(devices) ? repeatedIds(devices, path) : []),
    ...visibilityIssues(pool, path),
  ];
}

/** Refuses keys that have no effect if the workers have no devices of their own. */
function needsDevices(pool: Readonly<Record<string, unknown>>, path: string): FieldIssue[] {
  return ["workersPerDevice", "deviceMemoryPerWorkerBytes"].flatMap((key) => {
    const value = pool[key];
    if (value === undefined) return [];
    return [{
      path: `${path}.${key}`,
      message: `given ${shownValue(value)} in a pool without devices of its own; allowed: ` +
        'beside devices other than "inherit"',
    }];
  });
}

function repeatedIds(ids: readonly unknown[], path: string): FieldIssue[] {
  return ids.flatMap((id, k) => {
    const first = ids.indexOf(id);
    if (first === k) return [];
    return [{
      path: `${path}.devices[${k}]`,
      message: `given ${shownValue(id)}, which is ${path}.devices[${first}] already; allowed: ` +
        "each device once",
    }];
  });
}

/** Refuses variables that would contradict the devices of the pool. */
function visibilityIssues(pool: Readonly<Record<string, unknown>>, path: string): FieldIssue[] {
  const { env, inheritEnv } = pool;
  const own = isRecord(env)
    ? Object.keys(env).map((name) => ({ path: `${path}.env.${name}`, name }))
    : [];
  const inherited = Array.isArray(inheritEnv)
    ? inheritEnv.map((name, k) => ({ path: `${path}.inheritEnv[${k}]`, name: String(name) }))
    : [];
  return [...own, ...inherited].filter(({ name }) => VISIBILITY_ENV.has(name)).map((it) => ({
    path: it.path,
    message: `given ${it.name}, which Snakeden sets for the devices of the pool; allowed: any ` +
      'other variable, or this one with devices "inherit"',
  }));
}
