import { basename, extname } from "node:path";
import { type BatchJob, type FileInfo, type Job, SnakedenError } from "../../client/mod.ts";
import { type Context, type OpenFile, reasonOf, UsageError } from "../command/mod.ts";
import { bytesText, ProgressEstimate, progressLine, safeLine } from "../terminal/mod.ts";
import type { JobFlags } from "./job_input.ts";

type Format = NonNullable<BatchJob["format"]>;

/** The formats by the extensions of files. */
const FORMATS: Readonly<Record<string, Format>> = {
  ".csv": "csv",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
  ".txt": "lines",
};
const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  csv: "text/csv",
  ndjson: "application/x-ndjson",
  lines: "text/plain",
};

/** The options of a submission that concern batches. */
export interface BatchFlags extends JobFlags {
  /** The path of the file with the items; `-` for standard input. */
  readonly batch?: string;
  readonly format?: Format;
  /** The parameter that gets the item. */
  readonly input?: string;
  readonly window?: number;
  readonly itemAttempts?: number;
}

/**
 * Returns the fields that make a job a batch of a file; undefined if it is none.
 *
 * @throws {UsageError} For options that do not go together, or a file of no known format.
 */
export function batchFields(
  flags: BatchFlags,
): Pick<BatchJob, "kind" | "format" | "input" | "window" | "items"> | undefined {
  const { batch, format, input, window, itemAttempts, idempotencyKey, session } = flags;
  const [lone] = Object.entries({
    "--format": format,
    "--input": input,
    "--window": window,
    "--item-attempts": itemAttempts,
  }).filter(([, value]) => value !== undefined);
  if (batch === undefined) {
    if (lone === undefined) return undefined;
    throw new UsageError(`Cannot submit the job: ${lone[0]} needs --batch FILE`);
  }
  if (session !== undefined) {
    throw new UsageError("Cannot submit the batch: a batch has no --session");
  }
  if (idempotencyKey !== undefined) {
    const reason = "each upload is another file; allowed: --id";
    throw new UsageError(`Cannot submit the batch: --idempotency-key: ${reason}`);
  }
  return {
    kind: "batch",
    format: format ?? formatOf(batch),
    ...(input === undefined ? {} : { input }),
    ...(window === undefined ? {} : { window }),
    ...(itemAttempts === undefined ? {} : { items: { maxAttempts: itemAttempts } }),
  };
}

function formatOf(path: string): Format {
  const format = FORMATS[extname(path).toLowerCase()];
  if (format !== undefined) return format;
  const known = Object.keys(FORMATS).join(", ");
  throw new UsageError(
    `--batch: given ${path === "-" ? "standard input" : JSON.stringify(path)}; allowed: a file ` +
      `with the extension ${known}, or --format csv, ndjson or lines`,
  );
}

/**
 * Returns the batch of this id that is there. Its file is not compared with that of the command.
 *
 * @throws {SnakedenError} `idempotency_conflict` if the job with the id is another one.
 */
export async function earlierBatch(
  id: string | undefined,
  { tool, context: { client } }: { readonly tool: string; readonly context: Context },
): Promise<Job | undefined> {
  if (id === undefined) return undefined;
  let job: Job;
  try {
    job = await client.jobs.get(id);
  } catch (error) {
    // The submission says what is wrong with an id that is none.
    if (error instanceof SnakedenError && error.code === "unknown_job") return undefined;
    throw error;
  }
  if (job.kind === "batch" && job.tool === tool) return job;
  const is = `${job.kind} of ${job.tool ?? job.script ?? job.command ?? "no tool"}`;
  throw new SnakedenError(
    "idempotency_conflict",
    `Cannot submit the batch: the job ${JSON.stringify(id)} is there, and is a ${is}`,
  );
}

/**
 * Uploads the file of a batch, and shows how far it is.
 *
 * @throws {UsageError} If it cannot be read.
 */
export async function uploadBatch(
  path: string,
  { format, context }: { readonly format: Format; readonly context: Context },
): Promise<FileInfo> {
  const { client, output, signal } = context;
  using file = await opened(path, context);
  try {
    return await client.files.add(reported(file, context), {
      name: path === "-" ? "stdin" : basename(path),
      mediaType: MEDIA_TYPES[format],
      signal,
    });
  } finally {
    await output.clearProgress();
  }
}

async function opened(path: string, { io }: Context): Promise<OpenFile> {
  if (path === "-") {
    return { readable: io.stdin.readable, bytes: undefined, [Symbol.dispose]: () => {} };
  }
  try {
    return await io.openFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the file ${path}: ${reasonOf(error)}`);
  }
}

/** Yields the bytes of a file, and draws how many there were. */
async function* reported(
  { readable, bytes }: OpenFile,
  { output, io }: Context,
): AsyncGenerator<Uint8Array, void, undefined> {
  const estimate = new ProgressEstimate();
  let sent = 0;
  for await (const chunk of readable) {
    yield chunk;
    sent += chunk.byteLength;
    const total = bytes === undefined ? "" : `/${bytesText(bytes)}`;
    const facts = {
      ...(bytes === undefined || bytes === 0 ? {} : { fraction: sent / bytes }),
      message: `${bytesText(sent)}${total}`,
    };
    const known = estimate.with(facts, io.now());
    await output.progress((columns) => progressLine("uploading", known, columns));
  }
}

/** Removes the file of a batch that was not submitted. Its time to live ends it otherwise. */
export async function removeUpload(
  { id, name }: FileInfo,
  { client, output }: Context,
): Promise<void> {
  try {
    await client.files.remove(id);
  } catch (error) {
    if (!(error instanceof SnakedenError)) throw error;
    const text = `The file ${safeLine(id)} (${safeLine(name)}) stays until its time to live ends.`;
    await output.note(text);
  }
}
