import { Value } from "../../bridge/mod.ts";
import { JOB_LIMITS } from "../../store/mod.ts";
import type { CheckedCall } from "./job_schema.ts";

/**
 * Returns a submission that has only the most frequent options, and is right in each; undefined for
 * any other, of which the schema tells what is right and what is wrong. The schema takes ten times
 * as long.
 */
export function plainJob(input: Readonly<Record<string, unknown>>): CheckedCall | undefined {
  if (!isPlain(input)) return undefined;
  for (const name in input) {
    const value = input[name];
    if (value === undefined ? !isPlainOption(name) : !isRight(name, value)) return undefined;
  }
  if (input["tool"] === undefined) return undefined;
  const job = input as CheckedCall;
  // The caller may change the list later.
  return job.tags === undefined ? job : { ...job, tags: [...job.tags] };
}

function isPlainOption(name: string): boolean {
  switch (name) {
    case "kind":
    case "tool":
    case "args":
    case "pool":
    case "queue":
    case "priority":
    case "tags":
      return true;
    default:
      return false;
  }
}

function isRight(name: string, value: unknown): boolean {
  switch (name) {
    case "kind":
      return value === "call";
    case "tool":
    case "pool":
    case "queue":
      return isName(value);
    case "args":
      return areArgs(value);
    case "priority":
      return Number.isSafeInteger(value) && Math.abs(Number(value)) <= JOB_LIMITS.priority;
    case "tags":
      return Array.isArray(value) && areTags(value);
    default:
      return false;
  }
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value.length > 0 && value.length <= JOB_LIMITS.nameChars &&
    !value.includes("\0") && value.isWellFormed();
}

function areTags(value: readonly unknown[]): boolean {
  if (value.length > JOB_LIMITS.tags) return false;
  // `every` passes over holes.
  for (const it of value) if (!isName(it)) return false;
  return true;
}

function areArgs(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return value instanceof Value || isPlain(value) && !Object.hasOwn(value, "__proto__") &&
      Object.getOwnPropertySymbols(value).length === 0;
}

/** Returns true for an object without a class. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
