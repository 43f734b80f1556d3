import { isRecord } from "../../../json/mod.ts";

/** The job that submits another one, by its token. */
export interface JobParent {
  readonly id: string;
  /** The depth of the job that is submitted: 1 for the child of a job that has no parent. */
  readonly depth: number;
  /** The jobs that may have submitted each other, the first one included. */
  readonly maxDepth: number;
  /** Aborts when the attempt of the parent ends. Nothing is submitted for it afterwards. */
  readonly signal: AbortSignal;
  /** The grants of the parent, as its runner has noted them. */
  readonly grants?: unknown;
}

/** Returns the id of the parent in the options of a stored job; undefined without a parent. */
export function parentOf(options: Readonly<Record<string, unknown>>): string | undefined {
  const { parent } = options;
  return isRecord(parent) && typeof parent.id === "string" ? parent.id : undefined;
}

/** Returns the depth of a stored job by its options: 0 without a parent. */
export function depthOf(options: Readonly<Record<string, unknown>>): number {
  const { parent } = options;
  return isRecord(parent) && typeof parent.depth === "number" ? parent.depth : 0;
}
