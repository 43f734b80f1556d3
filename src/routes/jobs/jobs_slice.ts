import type { Jobs } from "../../jobs/mod.ts";
import type { Traffic } from "../calls/mod.ts";
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
  | "wait"
>;

/** The parts that every route of jobs uses. */
export interface JobRouteOptions {
  readonly traffic: Traffic;
  readonly writer: JobJsonWriter;
}
