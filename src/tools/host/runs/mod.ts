/**
 * The runs of host tools. A {@link HostRun} is one call: it checks the arguments and the result,
 * keeps to deadlines, and closes generators, which an {@link ItemReader} reads in batches.
 * {@link HostRuns} knows all that are under way.
 *
 * @module
 */
export { HostRun } from "./host_run.ts";
export { HostRuns, type HostRunsDeps } from "./host_runs.ts";
export { PythonCaller } from "./python_caller.ts";
export type { NestedCalls, RunCaller, RunLimits } from "./run_caller.ts";
export { type Batch, ItemReader, MAX_BATCH_BYTES, MAX_BATCH_ITEMS } from "./item_reader.ts";
