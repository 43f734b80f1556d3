import { InvalidInputError } from "../../errors.ts";
import { isRecord } from "../../json/mod.ts";
import { isSessionId, SESSION_ID_RULE } from "../../session_id.ts";
import { shownValue } from "../../calls/mod.ts";
import { invalidBody } from "../schema/mod.ts";

/** The longest wait of `?wait=`, in seconds. */
export const MAX_WAIT_S = 60;

/**
 * Returns the id of a job in a path.
 *
 * @throws {InvalidInputError} `invalid_input` for a text that is no id of any job.
 */
export function checkedId(id: string): string {
  if (isSessionId(id)) return id;
  throw invalidBody([{
    path: "id",
    message: `given ${shownValue(id)}; allowed: ${SESSION_ID_RULE}`,
  }]);
}

/**
 * Returns the milliseconds of `?wait=`, which has seconds; undefined if there is none.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function waitMsOf(wait: string | undefined): number | undefined {
  if (wait === undefined) return undefined;
  const seconds = /^\d{1,3}(\.\d{1,20})?(e-\d{1,3})?$/i.test(wait) ? Number(wait) : NaN;
  if (seconds <= MAX_WAIT_S) return seconds * 1_000;
  const allowed = `a number of seconds from 0 to ${MAX_WAIT_S}`;
  throw invalidBody([{ path: "wait", message: `given ${shownValue(wait)}; allowed: ${allowed}` }]);
}

/**
 * Returns a submission with the key of the header `idempotency-key`, which may be quoted, as in a
 * structured field.
 *
 * @throws {InvalidInputError} `invalid_input` if the body has another key.
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function withIdempotencyKey(input: unknown, headers: Headers): unknown {
  const header = headers.get("idempotency-key");
  if (header === null || !isRecord(input)) return input;
  const key = /^".*"$/.test(header) ? header.slice(1, -1) : header;
  const { idempotencyKey = key } = input;
  if (idempotencyKey === key) return { ...input, idempotencyKey };
  const message = `given ${shownValue(idempotencyKey)}, but the header idempotency-key is ` +
    `${shownValue(key)}; allowed: one of the two, or the same in both`;
  throw new InvalidInputError(`Cannot submit the job: idempotencyKey: ${message}`, [
    { path: "idempotencyKey", message },
  ]);
}

/**
 * Returns a submission with the id of its path.
 *
 * @throws {InvalidInputError} `invalid_input` if the body has another id.
 */
export function withId(input: unknown, id: string): unknown {
  if (!isRecord(input)) return input;
  const { id: own = id } = input;
  if (own === id) return { ...input, id };
  const message = `given ${shownValue(own)}, but the path has ${shownValue(id)}; ` +
    "allowed: no id, or that of the path";
  throw new InvalidInputError(`Cannot submit the job: id: ${message}`, [{ path: "id", message }]);
}

/**
 * Refuses the header `idempotency-key` of a request that submits many jobs.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function refuseIdempotencyKey(headers: Headers): void {
  if (!headers.has("idempotency-key")) return;
  throw invalidBody([{
    path: "idempotency-key",
    message: "given for a batch; allowed: a field idempotencyKey in each job",
  }]);
}
