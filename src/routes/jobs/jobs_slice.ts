import type { JobParent, Jobs } from "../../jobs/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppContext } from "../http/mod.ts";
import type { JobJsonWriter } from "./job_json.ts";

/** The part of the host that the routes of jobs use; results and chunks are encoded. */
export type JobsSlice = Pick<
  Jobs,
  | "artifacts"
  | "cancel"
  | "cancelMany"
  | "events"
  | "get"
  | "list"
  | "logParts"
  | "outputs"
  | "retry"
  | "retryMany"
  | "storedResult"
  | "submission"
  | "submitAll"
  | "tokens"
  | "wait"
>;

/** Returns the job that submits others with a request, by its token; undefined without a token. */
export function parentIn(
  c: AppContext,
  { tokens }: Pick<JobsSlice, "tokens">,
): JobParent | undefined {
  const holder = c.get("holder");
  return holder && tokens.parentFor(holder);
}

/** The parts that every route of jobs uses. */
export interface JobRouteOptions {
  readonly traffic: Traffic;
  readonly writer: JobJsonWriter;
}
