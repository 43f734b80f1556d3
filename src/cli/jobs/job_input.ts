import { type CallJob, SnakedenError, valueFromJson } from "../../client/mod.ts";
import { type CliIo, reasonOf, UsageError } from "../command/mod.ts";

const ALLOWED = "NAME=VALUE, a JSON object, @FILE or -";
const NAME = /^([^=]+)=([^]*)$/;

type Fields = Record<string, unknown>;

/**
 * Returns the arguments of a tool, which were given as `NAME=VALUE`, an object of JSON, a file with
 * one (`@FILE`), or `-` for one on standard input. Later ones go before earlier ones.
 *
 * @throws {UsageError} If one is none of these.
 */
export async function toolArguments(given: readonly string[], io: CliIo): Promise<Fields> {
  const args: Fields = {};
  for (const text of given) Object.assign(args, await argumentsOf(text, io));
  return args;
}

async function argumentsOf(text: string, io: CliIo): Promise<Fields> {
  if (text === "-" || text.startsWith("@")) return await objectIn(text, io);
  if (text.startsWith("{")) return objectOf(text, "the arguments");
  const [, name, value = ""] = NAME.exec(text) ?? [];
  if (name !== undefined) return { [name]: valueOf(value) };
  throw new UsageError(
    `Cannot read the arguments: given ${JSON.stringify(text)}; allowed: ${ALLOWED}`,
  );
}

/**
 * Reads an object of JSON: text, `@FILE`, or `-` for standard input.
 *
 * @throws {UsageError} If it is none, or cannot be read.
 */
export async function objectIn(text: string, io: CliIo): Promise<Fields> {
  if (text === "-") return objectOf(await allOf(io.stdin.readable), "standard input");
  if (!text.startsWith("@")) return objectOf(text, "the option");
  const path = text.slice(1);
  try {
    return objectOf(new TextDecoder().decode(await io.readFile(path)), path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Cannot read the file ${path}: ${reasonOf(error)}`);
  }
}

/** A value of JSON, or else a text. */
function valueOf(text: string): unknown {
  try {
    return valueFromJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

function objectOf(text: string, source: string): Fields {
  let value: unknown;
  try {
    value = valueFromJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof SnakedenError)) throw error;
    throw new UsageError(`Cannot read ${source}: ${error.message}; allowed: a JSON object`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new UsageError(`Cannot read ${source}: given no object; allowed: a JSON object`);
}

async function allOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text();
}

/** The options of a submission that become fields of the job. */
export interface JobFlags {
  readonly id?: string;
  readonly queue?: string;
  readonly pool?: string;
  readonly session?: string;
  readonly priority?: number;
  readonly delay?: number;
  readonly runAt?: string;
  readonly ttl?: number;
  readonly maxAttempts?: number;
  readonly timeout?: number;
  readonly stallTimeout?: number;
  readonly idempotencyKey?: string;
  readonly unique?: string;
  readonly uniqueMode?: "drop" | "replace" | "debounce";
  readonly concurrency?: { readonly key: string; readonly limit?: number };
  readonly tag?: readonly string[];
  readonly meta?: readonly string[];
  readonly options?: string;
}

/**
 * Returns the fields of a job that its options name. The server checks them.
 *
 * @throws {UsageError} If an option needs another one, or is no JSON.
 */
export async function jobFields(flags: JobFlags, io: CliIo): Promise<Partial<CallJob>> {
  const { unique, uniqueMode, meta = [], options } = flags;
  if (uniqueMode !== undefined && unique === undefined) {
    throw new UsageError("Cannot submit the job: --unique-mode needs --unique KEY");
  }
  const metadata = await toolArguments(meta, io);
  const fields = {
    id: flags.id,
    queue: flags.queue,
    pool: flags.pool,
    sessionId: flags.session,
    priority: flags.priority,
    delayMs: flags.delay,
    runAt: flags.runAt,
    ttlMs: flags.ttl,
    maxAttempts: flags.maxAttempts,
    timeoutMs: flags.timeout,
    stallTimeoutMs: flags.stallTimeout,
    idempotencyKey: flags.idempotencyKey,
    unique: unique === undefined ? undefined : { key: unique, mode: uniqueMode },
    concurrency: flags.concurrency,
    tags: flags.tag,
    metadata: meta.length === 0 ? undefined : metadata,
  };
  const named = Object.entries(fields).filter(([, value]) => value !== undefined);
  const others = options === undefined ? {} : await objectIn(options, io);
  return { ...others, ...Object.fromEntries(named) };
}
