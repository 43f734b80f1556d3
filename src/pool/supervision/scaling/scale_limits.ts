import { type FieldIssue, InvalidInputError } from "../../../errors.ts";

/** The number of workers that a pool keeps. */
export interface ScaleLimits {
  /** The fewest workers; with 0 the pool may have none while nothing is to do. */
  readonly min: number;
  /** The most workers. */
  readonly max: number;
  /** The idle workers that are kept ready beyond those that are busy, within `max`. */
  readonly spare: number;
}

/** Changes of {@link ScaleLimits}. What is left out stays. */
export interface ResizeRequest {
  /** The number of workers of a pool of a fixed size: `min` and `max` at once. */
  readonly size?: number | undefined;
  /** The fewest workers, from 0 to 256. */
  readonly min?: number | undefined;
  /** The most workers, from 1 to 256. */
  readonly max?: number | undefined;
  /** The idle workers that are kept ready, from 0 to `max`. */
  readonly spare?: number | undefined;
}

/** Options by which a pool gets more and fewer workers. */
export interface ScaleOptions {
  /** The most workers. */
  readonly size: number;
  /** The fewest workers. Default `size`. */
  readonly min?: number | undefined;
  /** The idle workers that are kept ready beyond those that are busy. Default 0. */
  readonly spare?: number | undefined;
  /** The time after which an idle worker above `min` is ended. Default 15 minutes. */
  readonly idleTtlMs?: number | undefined;
  /** The wait in the queue after which one more worker is started. Default: as it is measured. */
  readonly scaleUpAfterMs?: number | undefined;
}

/** The most workers of any pool. */
export const MAX_WORKERS = 256;

/** Facts about a pool that is to be resized. */
export interface Resizable {
  /** The name of the pool. */
  readonly name: string;
  readonly limits: ScaleLimits;
  /** The most workers that it has devices for; undefined if it has none. */
  readonly placed: number | undefined;
}

/**
 * Returns the limits of a pool after a change.
 *
 * @throws {InvalidInputError} `invalid_input`, naming each field with its limit.
 */
export function resized({ name, limits, placed }: Resizable, change: ResizeRequest): ScaleLimits {
  const most = placed ?? MAX_WORKERS;
  const why = placed === undefined ? "" : ", the workers for which it has devices";
  const issues: FieldIssue[] = [];
  const check = (path: keyof ResizeRequest, least: number): void => {
    const given = change[path];
    if (given === undefined) return;
    if (Number.isInteger(given) && given >= least && given <= most) return;
    const message = `given ${given}; allowed: a whole number from ${least} to ${most}${why}`;
    issues.push({ path, message });
  };
  check("size", 1);
  check("min", 0);
  check("max", 1);
  check("spare", 0);
  const { size } = change;
  if (size !== undefined && (change.min !== undefined || change.max !== undefined)) {
    issues.push({
      path: "size",
      message: `given ${size} beside min or max; allowed: size, or min and max`,
    });
  }
  if (issues.length === 0) issues.push(...relations(limits, change));
  if (issues.length > 0) {
    const list = issues.map(({ path, message }) => `${path}: ${message}`).join("; ");
    throw new InvalidInputError(`Cannot resize the pool ${name}: ${list}`, issues);
  }
  const { min = size ?? limits.min, max = size ?? limits.max } = change;
  return { min, max, spare: Math.min(change.spare ?? limits.spare, max) };
}

/** Checks the rules that two fields share. */
function relations(limits: ScaleLimits, { size, ...change }: ResizeRequest): FieldIssue[] {
  const { min = size ?? limits.min, max = size ?? limits.max, spare = 0 } = change;
  const issues: FieldIssue[] = [];
  if (min > max) {
    issues.push(
      change.min === undefined
        ? { path: "max", message: `given ${max}; allowed: at least min, ${min}` }
        : { path: "min", message: `given ${min}; allowed: at most max, ${max}` },
    );
  }
  if (spare > max) {
    issues.push({ path: "spare", message: `given ${spare}; allowed: at most max, ${max}` });
  }
  return issues;
}

/**
 * Refuses a number of workers to start that is none.
 *
 * @throws {InvalidInputError} `invalid_input`.
 */
export function refuseCount(name: string, count: number): void {
  if (Number.isInteger(count) && (count === -1 || (count >= 1 && count <= MAX_WORKERS))) return;
  const message = `given ${count}; allowed: a whole number from 1 to ${MAX_WORKERS}, or -1 for ` +
    "as many as there may be";
  throw new InvalidInputError(`Cannot start workers of the pool ${name} ahead: count: ${message}`, [
    { path: "count", message },
  ]);
}
