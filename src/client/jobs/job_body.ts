import { type FieldIssue, InvalidInputError, SnakedenError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { encodeTree } from "../values/mod.ts";

/** As in the library: the clocks of two machines differ, and requests take their time. */
const PAST_MS = 60_000;

/** A submission as it is sent. */
export interface JobBody {
  readonly json: string;
  /** The idempotency key; undefined of a submission whose id does the same. */
  readonly key: string | undefined;
  /** The id of the job, if the caller has chosen it. */
  readonly id: string | undefined;
  /** True if the key was made here, so that only repeats of this request know it. */
  readonly isOwnKey: boolean;
}

/**
 * Returns a submission as it is sent. One without an id and an idempotency key gets a key, so that
 * it can be sent again without making a second job.
 *
 * @throws {InvalidInputError} For what JSON cannot hold, and for a time that is past.
 * @throws {SnakedenError} `invalid_value` for an argument that cannot be sent.
 */
export function jobBody(input: unknown): JobBody {
  // The host says what is wrong with it.
  if (!isRecord(input)) {
    return { json: jsonOf(input ?? null), key: undefined, id: undefined, isOwnKey: false };
  }
  const { args, id, idempotencyKey } = input;
  const isOwnKey = idempotencyKey === undefined && id === undefined;
  if (isOwnKey) refusePast(input.runAt);
  const key = isOwnKey ? newKey() : idempotencyKey;
  const encoded = {
    ...(isRecord(args) ? { args: encodeTree(args, "args", refuseInput) } : {}),
    ...(Array.isArray(input.inputs)
      ? { inputs: encodeTree(input.inputs, "inputs", refuseInput) }
      : {}),
  };
  const json = jsonOf({ ...input, ...encoded, idempotencyKey: key });
  return { json, key: textOf(key), id: textOf(id), isOwnKey };
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** A job is kept, and an input stream is not. */
export function refuseInput(path: string): never {
  const message = "given an input stream; allowed: values that can be kept";
  throw invalidJob([{ path, message }]);
}

/** A host takes a late submission that has a key for a repeated one. */
function refusePast(runAt: unknown): void {
  const isTime = typeof runAt === "string" || runAt instanceof Date;
  const time = isTime ? new Date(runAt).getTime() : NaN;
  if (!(time < Date.now() - PAST_MS)) return;
  const given = new Date(time).toISOString();
  const message = `given ${given}, which is past; allowed: a time from now on`;
  throw invalidJob([{ path: "runAt", message }]);
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    const message = `given a value that is no JSON: ${(error as Error).message}`;
    throw invalidJob([{ path: "", message }]);
  }
}

/** Returns a key that nobody else makes. Pages without TLS have no `crypto.randomUUID()`. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `client-${Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("")}`;
}

/** The error for a submission that is wrong in these fields. */
export function invalidJob(issues: readonly FieldIssue[]): InvalidInputError {
  const list = issues.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  return new InvalidInputError(`Cannot submit the job: ${list.join("; ")}`, issues);
}

/**
 * Returns the submissions of a batch as they are sent.
 *
 * @param first The number of the first one, for error texts.
 * @throws {InvalidInputError} Naming every one that cannot be sent.
 */
export function batchBodies(inputs: readonly unknown[], first: number): JobBody[] {
  const issues: FieldIssue[] = [];
  const bodies: JobBody[] = [];
  for (const [i, input] of inputs.entries()) {
    try {
      bodies.push(jobBody(input));
    } catch (error) {
      if (!(error instanceof SnakedenError)) throw error;
      const own = error instanceof InvalidInputError
        ? error.issues
        : [{ path: "args", message: error.summary }];
      issues.push(...own.map((it) => placed(it, first + i)));
    }
  }
  if (issues.length === 0) return bodies;
  const wrong = inputs.length - bodies.length;
  const list = issues.slice(0, SHOWN_ISSUES).map(({ path, message }) => `${path}: ${message}`);
  const more = issues.length > list.length ? `; and ${issues.length - list.length} more` : "";
  const verb = wrong === 1 ? "is" : "are";
  throw new InvalidInputError(
    `Cannot submit the batch: ${wrong} of ${inputs.length} jobs ${verb} wrong, and none was ` +
      `submitted: ${list.join("; ")}${more}`,
    issues,
  );
}

/** The number of issues that the text of an error names. */
const SHOWN_ISSUES = 5;

function placed({ path, message }: FieldIssue, place: number): FieldIssue {
  return { path: path === "" ? `[${place}]` : `[${place}].${path}`, message };
}

/**
 * Returns the error of a host for a part of a batch, whose issues then count from the beginning of
 * the batch.
 */
export function ofWholeBatch(error: InvalidInputError, first: number): InvalidInputError {
  let text = error.message;
  const issues = error.issues.map(({ path, message }) => {
    const whole = path.replace(/^\[(\d+)\]/, (_, i) => `[${first + Number(i)}]`);
    text = text.replace(`${path}: ${message}`, () => `${whole}: ${message}`);
    return { path: whole, message };
  });
  const renamed = new InvalidInputError(text, issues, error.code as "invalid_input");
  renamed.addDetails(error.details);
  renamed.addDetails({ issues });
  if (error.requestId !== undefined) renamed.requestId = error.requestId;
  return renamed;
}
