import { z } from "zod";
import type { ErrorCode } from "../../errors.ts";
import { group, MAX_DURATION_MS, oneOf, whole } from "../schema_parts.ts";

/** The codes of failed calls that a policy can list. */
const CALL_CODES = [
  "pool_saturated",
  "pool_unhealthy",
  "device_unavailable",
  "shutting_down",
  "circuit_open",
  "worker_busy",
  "session_quota_exceeded",
  "worker_crashed",
  "out_of_memory",
  "cpu_limit_exceeded",
  "poison_call",
  "deadline_exceeded",
  "stalled",
  "python_exception",
  "result_too_large",
  "invalid_value",
  "internal",
] as const satisfies readonly ErrorCode[];

function codes(description: string): z.ZodArray<z.ZodType<ErrorCode, ErrorCode>> {
  return z.array(
    z.enum(CALL_CODES).meta({
      description: "A code of an error.",
      allowed: CALL_CODES.join(", "),
    }) as z.ZodType<ErrorCode, ErrorCode>,
  ).min(1)
    .meta({ description, allowed: `a list of some of ${CALL_CODES.join(", ")}` });
}

/** A circuit breaker. */
export const breakerSchema = group(
  {
    threshold: whole(1, 100_000, {
      description: "Failures in a row that open the circuit.",
    }).default(5),
    resetMs: whole(1, MAX_DURATION_MS, {
      description: "Time after which an open circuit lets test calls through.",
    }).default(30_000),
    halfOpenCalls: whole(1, 1_000, {
      description: "Number of test calls, all of which must succeed to close the circuit.",
    }).default(1),
    codes: codes("Error codes that count as failures.")
      .default(["worker_crashed", "deadline_exceeded", "stalled", "python_exception", "internal"]),
  },
  "A circuit breaker: refuses calls with `circuit_open` while most would fail.",
  {
    defaultText: "none",
  },
);

/** Retries. */
export const retrySchema = group(
  {
    attempts: whole(1, 100, {
      description: "Attempts in all.",
    }).default(3),
    baseMs: whole(1, MAX_DURATION_MS, {
      description: "Pause before the second attempt; doubled before each further one.",
    }).default(100),
    capMs: whole(1, MAX_DURATION_MS, {
      description: "Longest pause.",
    }).default(30_000),
    jitter: oneOf(["none", "half", "full"], {
      description: "Part of each pause that is random.",
    }).default("full"),
    codes: codes(
      "Error codes after which a call is tried again. If the tool may have run, only an idempotent " +
        "call is.",
    ).default(["pool_saturated", "pool_unhealthy", "device_unavailable", "worker_crashed"]),
  },
  "Repeats a call that failed, within its one deadline.",
  { defaultText: "none" },
);
