import { isRecord } from "../../json/mod.ts";
import { sendFile } from "../files/mod.ts";
import type { Host } from "../http/mod.ts";
import type { SubmitJobOptions } from "../shapes/mod.ts";
import { encodeTree } from "../values/mod.ts";
import { invalidJob, refuseInput } from "./job_body.ts";
import type { JobRequests } from "./job_requests.ts";

/** The items and the characters of lines that are sent together, as in the library. */
const CHUNK_ITEMS = 500;
const CHUNK_CHARS = 64 * 1024;
/** The time that the submission of a batch whose items were sent may take. */
const SUBMIT_MS = 10 * 60_000;

/** A batch whose items come one after the other. */
export interface StreamedBatch {
  readonly kind: "batch";
  readonly inputs: Iterable<unknown> | AsyncIterable<unknown>;
  readonly input?: unknown;
  readonly inputsFile?: unknown;
  readonly format?: unknown;
}

/** Returns true for a batch whose items are no list, but can be iterated. */
export function isStreamed(input: unknown): input is StreamedBatch {
  if (!isRecord(input) || input.kind !== "batch") return false;
  const { inputs } = input;
  return typeof inputs === "object" && inputs !== null && !Array.isArray(inputs) &&
    !ArrayBuffer.isView(inputs) && (Symbol.asyncIterator in inputs || Symbol.iterator in inputs);
}

/**
 * Sends the items as a file, and submits the batch to the same host. Without a job, there is no
 * file either.
 */
export async function submitStreamed<T extends { readonly answer: string }>(
  { inputs, ...batch }: StreamedBatch,
  { requests, signal, submit }: SubmitJobOptions & {
    readonly requests: JobRequests;
    /** Submits the batch to the host that has the file. */
    readonly submit: (batch: unknown, host: Host) => Promise<T>;
  },
): Promise<T> {
  if (batch.inputsFile !== undefined) refuse("inputsFile", "given beside inputs");
  if (batch.format !== undefined) refuse("format", "given without inputsFile");
  const { file, host } = await sendFile(requests, linesOf(inputs, batch.input !== undefined), {
    name: "inputs.ndjson",
    mediaType: "application/x-ndjson",
    ttlMs: SUBMIT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  let submitted: T | undefined;
  try {
    submitted = await submit({ ...batch, inputsFile: file.id, format: "ndjson" }, host);
    return submitted;
  } finally {
    // A job that has the file after all keeps it.
    if (submitted?.answer !== "created") {
      const ask = { method: "DELETE", path: `/v1/files/${file.id}`, host } as const;
      await requests.send(ask).then((it) => it.text()).catch(() => {});
    }
  }
}

/** Yields items as lines of JSON, in chunks of bytes. */
async function* linesOf(
  inputs: StreamedBatch["inputs"],
  takesAny: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  let lines = "";
  let count = 0;
  for await (const item of inputs) {
    const path = `inputs[${count++}]`;
    if (!takesAny && !isRecord(item)) {
      refuse(path, "given no object", "an object of arguments, or `input` for other values");
    }
    lines += `${JSON.stringify(encodeTree(item, path, refuseInput))}\n`;
    if (lines.length < CHUNK_CHARS && count % CHUNK_ITEMS > 0) continue;
    yield encoder.encode(lines);
    lines = "";
  }
  if (lines !== "") yield encoder.encode(lines);
}

function refuse(path: string, given: string, allowed = "items that are iterated"): never {
  throw invalidJob([{ path, message: `${given}; allowed: ${allowed}` }]);
}
