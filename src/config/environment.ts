import { HOST_ENV } from "../process/mod.ts";

/** A function that returns a variable, or undefined if it is not set. */
export type ReadEnv = (name: string) => string | undefined;

/** The path of the key that each variable overrides. */
export const ENV_KEYS: Readonly<Record<string, readonly string[]>> = {
  [HOST_ENV.host]: ["host"],
  [HOST_ENV.port]: ["port"],
  [HOST_ENV.dataDir]: ["dataDir"],
  [HOST_ENV.apiKey]: ["apiKey"],
  [HOST_ENV.apiKeyFile]: ["apiKeyFile"],
  [HOST_ENV.python]: ["python", "executable"],
  [HOST_ENV.logLevel]: ["logLevel"],
  [HOST_ENV.logFormat]: ["logFormat"],
};

/** A value from the environment for the key at `path`. */
export interface EnvValue {
  readonly name: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Lists the values that the environment has; an empty variable counts as not set. */
export function readEnvironment(read: ReadEnv): EnvValue[] {
  const found: EnvValue[] = [];
  for (const [name, path] of Object.entries(ENV_KEYS)) {
    const text = read(name);
    if (text !== undefined && text !== "") found.push({ name, path, value: typed(name, text) });
  }
  return found;
}

/** Turns digits into a number, and API keys with spaces between them into a list. */
function typed(name: string, text: string): unknown {
  if (name === HOST_ENV.apiKey && /\s/.test(text)) return text.split(/\s+/).filter(Boolean);
  return name === HOST_ENV.port && /^\d{1,9}$/.test(text) ? Number(text) : text;
}
