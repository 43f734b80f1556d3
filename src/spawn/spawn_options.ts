import type { ConfigInput } from "../config/mod.ts";
import { type FieldIssue, InvalidInputError } from "../errors.ts";
import { isRecord } from "../json/mod.ts";
import type { LogEntry } from "../log.ts";
import { suggestion } from "../near_names.ts";

/** Options of {@link SnakedenClient.spawn}. */
export interface SpawnOptions {
  /**
   * The configuration: an object that JSON can hold, or the path of a `.ts` or `.json` file.
   * Relative paths in an object start at `cwd`. `host`, `apiKey` and `logFormat` are replaced, and
   * `port` is, unless the option of this name sets it. Default: one pool with the demo adapter.
   */
  readonly config?: ConfigInput | string | URL;
  /** The folder of everything stored. Default: that of the configuration, else `.snakeden`. */
  readonly dataDir?: string;
  /** The working directory of the host. Default: that of this program. */
  readonly cwd?: string;
  /** The port on loopback. Default: any free one. */
  readonly port?: number;
  /** Further variables of the environment of the host, which else is that of this program. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * The program `deno`. Default: that in `SNAKEDEN_DENO`, else the Deno that runs this program,
   * else `deno` on `PATH`; the version that Snakeden is tested with, by `npx`, if none of them
   * will do.
   */
  readonly deno?: string;
  /** The folder of Snakeden, which has its main.ts. Default: found from where this module is. */
  readonly snakeden?: string | URL;
  /** Receives a line for each step of the first start, which builds a Python environment. */
  readonly onSetupProgress?: (line: string) => void;
  /** Receives the entries of the log of the host, and whatever else it writes. */
  readonly onLog?: (entry: LogEntry) => void;
  /** The time limit of the start. Default: 300,000 ms, since the first one fetches packages. */
  readonly readyTimeoutMs?: number;
  /** The time until a host that does not end is killed. Default: 60,000 ms. */
  readonly stopTimeoutMs?: number;
  /** A signal that ends the start. Later it has no effect. */
  readonly signal?: AbortSignal;
}

const NAMES = [
  "config",
  "dataDir",
  "cwd",
  "port",
  "env",
  "deno",
  "snakeden",
  "onSetupProgress",
  "onLog",
  "readyTimeoutMs",
  "stopTimeoutMs",
  "signal",
];

/**
 * The most bytes of a configuration as JSON: Linux allows a variable of 131,072 bytes, its name
 * included.
 */
const MAX_CONFIG_BYTES = 130_000;

/**
 * Checks options.
 *
 * @returns The configuration as JSON; undefined if it is a file.
 * @throws {InvalidInputError} `invalid_input` naming every option that is wrong.
 */
export function checkSpawnOptions(options: SpawnOptions): string | undefined {
  const issues: FieldIssue[] = Object.keys(options).filter((it) => !NAMES.includes(it))
    .map((path) => ({ path, message: `there is no such option; ${suggestion(path, NAMES)}` }));
  for (const name of ["readyTimeoutMs", "stopTimeoutMs"] as const) {
    const value: unknown = options[name] ?? 1;
    if (typeof value === "number" && value > 0) continue;
    issues.push({ path: name, message: `given ${String(value)}; allowed: a number over 0` });
  }
  const port: unknown = options.port ?? 0;
  if (!Number.isInteger(port) || Number(port) < 0 || Number(port) > 65_535) {
    const message = `given ${String(port)}; allowed: a whole number from 0 to 65535`;
    issues.push({ path: "port", message });
  }
  const { config = {} } = options;
  let json: string | undefined;
  if (typeof config !== "string" && !(config instanceof URL)) {
    issues.push(...unsendable(config, "config"));
    if (issues.length === 0) json = JSON.stringify(config);
    const bytes = new TextEncoder().encode(json).byteLength;
    if (bytes > MAX_CONFIG_BYTES) {
      const message = `given ${bytes} bytes as JSON; allowed: at most ${MAX_CONFIG_BYTES}, ` +
        "or the path of a file";
      issues.push({ path: "config", message });
    }
  }
  if (issues.length === 0) return json;
  const list = issues.map(({ path, message }) => `${path}: ${message}`);
  throw new InvalidInputError(`Cannot start a host: ${list.join("; ")}`, issues);
}

/** Returns the values of a configuration that JSON would change or leave out. */
function unsendable(value: unknown, path: string): FieldIssue[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return value.flatMap((it, i) => unsendable(it, `${path}[${i}]`));
  if (isRecord(value) && isPlain(value)) {
    return Object.entries(value).flatMap(([key, it]) => unsendable(it, `${path}.${key}`));
  }
  if (typeof value === "string" || typeof value === "boolean") return [];
  if (typeof value === "number" && Number.isFinite(value)) return [];
  const given = typeof value === "object" ? `a ${value.constructor?.name}` : `a ${typeof value}`;
  const message = `given ${given}, which cannot be sent to another process; allowed: what JSON ` +
    "can hold; else write snakeden.config.ts and pass its path as config";
  return [{ path, message }];
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
