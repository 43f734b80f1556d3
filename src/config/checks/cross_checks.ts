import type { FieldIssue } from "../../errors.ts";
import { HOST_ENV, WORKER_ENV } from "../../process/mod.ts";
import { adapterIssues } from "./adapter_checks.ts";
import { corsIssues } from "../cors_origins.ts";
import { deviceIssues } from "./device_checks.ts";
import { elasticIssues } from "./elastic_checks.ts";
import { launcherIssues } from "./launcher_checks.ts";
import { isLoopback } from "../loopback.ts";
import { profileIssues } from "./profile_checks.ts";
import { scriptIssues } from "./script_checks.ts";
import { DEFAULT_MAX_TTL_MS, MAX_TTL_MS } from "../sections/mod.ts";

/** The variables that the host itself sets for a worker. */
const RESERVED_ENV: ReadonlySet<string> = new Set(Object.values(WORKER_ENV));

/**
 * Checks the rules that two keys share. Reads the input as it was given, so that these problems are
 * reported together with those of single keys.
 */
export function crossIssues(input: Readonly<Record<string, unknown>>): FieldIssue[] {
  const pools = Array.isArray(input.pools) ? input.pools : [];
  return [
    ...hostIssues(input),
    ...keyIssues(input),
    ...corsIssues(fieldOf(input.cors, "origins"), { hasKey: hasKey(input) }),
    ...sessionIssues(input.sessions),
    ...inlineIssues(input),
    ...scriptIssues(input.jobs),
    ...duplicateNames(pools),
    ...pools.flatMap(adapterIssues),
    ...pools.flatMap(elasticIssues),
    ...pools.flatMap(deviceIssues),
    ...pools.flatMap(launcherIssues),
    ...pools.flatMap(profileIssues),
    ...pools.flatMap(reservedNames),
    ...pools.flatMap(pausesThatShrink),
    ...pools.flatMap(unmeasured),
    ...pools.flatMap(twoPythons),
  ];
}

function hostIssues(input: Readonly<Record<string, unknown>>): FieldIssue[] {
  const { host } = input;
  if (typeof host !== "string" || host === "" || isLoopback(host) || hasKey(input)) return [];
  return [{
    path: "host",
    message: `given ${JSON.stringify(host)} without an apiKey, which is refused: others could ` +
      "run code here; allowed: a loopback address such as 127.0.0.1, or any address together " +
      `with apiKey (${HOST_ENV.apiKey}) or apiKeyFile (${HOST_ENV.apiKeyFile})`,
  }];
}

function hasKey({ apiKey, apiKeyFile }: Readonly<Record<string, unknown>>): boolean {
  return apiKey !== undefined || apiKeyFile !== undefined;
}

/** Refuses keys from two places at once: it would not be clear which of them count. */
function keyIssues({ apiKey, apiKeyFile }: Readonly<Record<string, unknown>>): FieldIssue[] {
  if (apiKey === undefined || apiKeyFile === undefined) return [];
  return [{
    path: "apiKeyFile",
    message: `given beside apiKey (${HOST_ENV.apiKey}); allowed: one of the two`,
  }];
}

/** Refuses inline scripts where everybody on the machine could submit one. */
function inlineIssues(input: Readonly<Record<string, unknown>>): FieldIssue[] {
  if (fieldOf(input.jobs, "allowInline") !== true || hasKey(input)) return [];
  return [{
    path: "jobs.allowInline",
    message: "given true without an apiKey, which is refused: every program of this machine " +
      `could run code here; allowed: false, or true together with apiKey (${HOST_ENV.apiKey}) or ` +
      `apiKeyFile (${HOST_ENV.apiKeyFile})`,
  }];
}

/** Refuses a time to live that no session may have. */
function sessionIssues(sessions: unknown): FieldIssue[] {
  const ttlMs = fieldOf(sessions, "ttlMs");
  const given = fieldOf(sessions, "maxTtlMs");
  const most = given ?? DEFAULT_MAX_TTL_MS;
  if (typeof ttlMs !== "number" || typeof most !== "number") return [];
  // The schema refuses times that are over every limit.
  if (!(ttlMs > most) || ttlMs > MAX_TTL_MS) return [];
  const origin = given === undefined ? " by default" : "";
  return [{
    path: "sessions.ttlMs",
    message: `given ${ttlMs}, which is more than sessions.maxTtlMs, ${most}${origin}; allowed: ` +
      "at most sessions.maxTtlMs",
  }];
}

function duplicateNames(pools: readonly unknown[]): FieldIssue[] {
  const first = new Map<string, number>();
  const issues: FieldIssue[] = [];
  pools.forEach((pool, i) => {
    const name = fieldOf(pool, "name");
    if (typeof name !== "string") return;
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, i);
      return;
    }
    issues.push({
      path: `pools[${i}].name`,
      message: `given ${JSON.stringify(name)}, which is already the name of pools[${before}]; ` +
        "allowed: a name that no other pool has",
    });
  });
  return issues;
}

/** Refuses a limit of memory in a pool without heartbeats, which measure it. */
function unmeasured(pool: unknown, i: number): FieldIssue[] {
  const maxRssBytes = fieldOf(fieldOf(pool, "recycle"), "maxRssBytes");
  if (maxRssBytes === undefined) return [];
  if (fieldOf(fieldOf(pool, "heartbeat"), "pingIntervalMs") !== 0) return [];
  return [{
    path: `pools[${i}].recycle.maxRssBytes`,
    message: `given ${JSON.stringify(maxRssBytes)} in a pool without heartbeats, which ` +
      "measure memory; allowed: with a heartbeat.pingIntervalMs over 0",
  }];
}

/** Refuses packages for an interpreter of the user's own, which is never changed. */
function twoPythons(pool: unknown, i: number): FieldIssue[] {
  const python = fieldOf(pool, "python");
  const executable = fieldOf(python, "executable");
  if (executable === undefined || fieldOf(python, "requirements") === undefined) return [];
  return [{
    path: `pools[${i}].python.requirements`,
    message: `given beside executable (${JSON.stringify(executable)}), into which Snakeden ` +
      "installs nothing; allowed: one of the two. Install the packages there yourself, or leave " +
      "executable out to get a private environment with them",
  }];
}

function reservedNames(pool: unknown, i: number): FieldIssue[] {
  const env = Object.keys(fieldOf(pool, "env") ?? {})
    .map((name) => ({ path: `pools[${i}].env.${name}`, name }));
  const list = fieldOf(pool, "inheritEnv");
  const inherited = (Array.isArray(list) ? list : [])
    .map((name, k) => ({ path: `pools[${i}].inheritEnv[${k}]`, name: String(name) }));
  return [...env, ...inherited]
    .filter(({ name }) => RESERVED_ENV.has(name))
    .map(({ path, name }) => ({
      path,
      message: `given ${name}, which Snakeden sets itself; allowed: any other variable`,
    }));
}

/** Refuses a first pause that is longer than the longest one. */
function pausesThatShrink(pool: unknown, i: number): FieldIssue[] {
  const tools = Object.entries(fieldOf(pool, "tools") ?? {});
  const all: [string, unknown][] = [
    [`pools[${i}]`, pool],
    ...tools.map(([name, tool]): [string, unknown] => [`pools[${i}].tools.${name}`, tool]),
  ];
  return all.flatMap(([path, owner]) => {
    const retry = fieldOf(owner, "retry");
    const [baseMs, capMs] = [fieldOf(retry, "baseMs"), fieldOf(retry, "capMs")];
    if (typeof baseMs !== "number" || typeof capMs !== "number" || baseMs <= capMs) return [];
    return [{
      path: `${path}.retry.baseMs`,
      message: `given ${baseMs}, which is more than capMs, ${capMs}; allowed: at most capMs`,
    }];
  });
}

function fieldOf(node: unknown, key: string): unknown {
  return typeof node === "object" && node !== null ? Reflect.get(node, key) : undefined;
}
