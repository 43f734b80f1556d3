/**
 * The program of {@link JsonThread}: parses large bodies and writes large values, one at a time, so
 * that they do not block the event loop of the host. The thread has no permissions, and runs the
 * same code as small bodies do. This file and those that it shares import single files and not
 * whole folders, since each module lengthens the start of the thread.
 */
import { type Lines, Value } from "../../bridge/values/mod.ts";
import { InvalidInputError, messageOf, SnakedenError } from "../../errors.ts";
import { type CallFields, type CallParts, decodeCall } from "./call_body.ts";
import { decodeBatch, decodeSubmission, split } from "./bodies/submission_body.ts";
import { decodeValues } from "./bodies/values_body.ts";

/** A value in the form that is sent between threads. */
export interface ThreadValue {
  readonly json: Uint8Array<ArrayBuffer>;
  readonly tagged: boolean;
  readonly buffers: readonly Uint8Array<ArrayBuffer>[];
}

/** A request to the thread. */
export type ThreadJob =
  | {
    readonly kind: "call";
    readonly body: Uint8Array<ArrayBuffer> | undefined;
    readonly parts: CallParts | undefined;
    readonly maxDepth: number;
  }
  | {
    readonly kind: "values";
    readonly body: Uint8Array<ArrayBuffer>;
    readonly maxDepth: number;
  }
  | {
    readonly kind: "submissions";
    readonly body: Uint8Array<ArrayBuffer>;
    readonly maxDepth: number;
    readonly isBatch: boolean;
  }
  | { readonly kind: "inline"; readonly value: ThreadValue };

/** A submission of a job; with `error` alone if its arguments cannot be read. */
export interface ThreadSubmission {
  readonly fields?: unknown;
  readonly args?: ThreadValue;
  readonly lines?: Lines;
  readonly error?: ThreadError;
}

/**
 * An error in a form that can be sent, with `issues` if it names fields, and without `code` if it
 * was unforeseen.
 */
export interface ThreadError {
  readonly message: string;
  readonly code?: SnakedenError["code"];
  readonly details?: SnakedenError["details"];
  readonly issues?: InvalidInputError["issues"];
}

/** A message of the thread: `ready` once, then one for each job. */
export type ThreadAnswer =
  | { readonly kind: "ready" }
  | {
    readonly kind: "call";
    readonly call: Omit<CallFields, "args"> & { readonly args: ThreadValue };
  }
  | {
    readonly kind: "values";
    readonly fields: Readonly<Record<string, unknown>>;
    readonly values: readonly (ThreadValue | undefined)[];
  }
  | { readonly kind: "submissions"; readonly items: readonly ThreadSubmission[] }
  | { readonly kind: "inline"; readonly value: ThreadValue }
  | { readonly kind: "error"; readonly error: ThreadError };

/** The thread's side of the channel, for which the types of the main thread have no name. */
interface ThreadScope {
  onmessage: (event: MessageEvent<ThreadJob>) => void;
  postMessage(answer: ThreadAnswer, transfer: Transferable[]): void;
}

function answer(job: ThreadJob): ThreadAnswer {
  try {
    if (job.kind === "inline") return { kind: "inline", value: inlined(job.value) };
    if (job.kind === "values") {
      const { fields, values } = decodeValues(job.body, job.maxDepth);
      return { kind: "values", fields, values: values.map((it) => it && portable(it)) };
    }
    if (job.kind === "submissions") return { kind: "submissions", items: submissions(job) };
    const { args, ...fields } = decodeCall(job.body, job.maxDepth, job.parts);
    return { kind: "call", call: { ...fields, args: portable(args) } };
  } catch (error) {
    return { kind: "error", error: describe(error) };
  }
}

function submissions(
  { body, maxDepth, isBatch }: Extract<ThreadJob, { kind: "submissions" }>,
): ThreadSubmission[] {
  const inputs = isBatch ? decodeBatch(body, maxDepth) : [decodeSubmission(body, maxDepth)];
  return split(inputs).map(({ fields, args, lines, error }): ThreadSubmission => {
    if (error !== undefined) return { error: describe(error) };
    if (args === undefined) return { fields };
    return {
      fields,
      args: portable(args),
      ...(lines === undefined ? {} : { lines: { ...lines } }),
    };
  });
}

function inlined({ json, tagged, buffers }: ThreadValue): ThreadValue {
  const text = new Value({ json, tagged, buffers: [...buffers] }).jsonText();
  return { json: new TextEncoder().encode(text), tagged: false, buffers: [] };
}

/** Buffers of arguments were decoded from base64, so each has its own memory. */
function portable(value: Value): ThreadValue {
  const { json, tagged, buffers } = value.wire;
  return { json: own(json), tagged, buffers: buffers.map(own) };
}

function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return isOwn ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

function describe(error: unknown): ThreadError {
  if (!(error instanceof SnakedenError)) return { message: messageOf(error) };
  const { message, code, details } = error;
  if (!(error instanceof InvalidInputError)) return { message, code, details };
  return { message, code, issues: error.issues };
}

function transferOf(answer: ThreadAnswer): Transferable[] {
  if (answer.kind === "ready" || answer.kind === "error") return [];
  const parts = sentValues(answer).flatMap((it) =>
    it === undefined ? [] : [it.json, ...it.buffers]
  );
  if (answer.kind === "submissions") {
    for (const { lines } of answer.items) parts.push(...lines?.chunks ?? []);
  }
  return [...new Set(parts.map((it) => it.buffer))];
}

function sentValues(
  answer: Exclude<ThreadAnswer, { kind: "ready" | "error" }>,
): readonly (ThreadValue | undefined)[] {
  switch (answer.kind) {
    case "values":
      return answer.values;
    case "submissions":
      return answer.items.map(({ args }) => args);
    case "call":
      return [answer.call.args];
    case "inline":
      return [answer.value];
  }
}

/** Serves when this file is the program of a thread; a plain import does nothing. */
function serve(scope: ThreadScope): void {
  const send = (it: ThreadAnswer): void => scope.postMessage(it, transferOf(it));
  scope.onmessage = ({ data }) => send(answer(data));
  send({ kind: "ready" });
}

if (import.meta.main) serve(globalThis as unknown as ThreadScope);
