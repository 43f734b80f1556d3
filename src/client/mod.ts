/**
 * Snakeden over HTTP: a client with the methods and errors of the library, for Node 20, Bun, Deno
 * and browsers. It imports nothing of the host, and needs nothing but `fetch`.
 *
 * - http/: requests, the choice of a host, problem documents.
 * - streams/: Server-Sent Events, and the streams of calls.
 * - values/: the values inside JSON.
 * - jobs/: durable jobs and their queues.
 * - files/: files, up and down.
 * - namespaces/: what the client offers, each as in the library.
 * - shapes/: the types that both have in common.
 *
 * @example
 * ```ts ignore
 * import { SnakedenClient } from "snakeden/client";
 *
 * const den = new SnakedenClient({ baseUrl: "http://127.0.0.1:8000" });
 * console.log(await den.execute<number>("add", { a: 2, b: 3 }));
 * ```
 *
 * @module
 */
export {
  type CallStage,
  DeadlineExceededError,
  type ErrorCode,
  type FieldIssue,
  InvalidInputError,
  LimitExceededError,
  PythonError,
  type PythonExceptionInfo,
  SnakedenError,
  WorkerCrashedError,
  type WorkerExit,
} from "../errors.ts";
export {
  type ArrayData,
  type DType,
  isUnserializable,
  NdArray,
  type Unserializable,
} from "../values/mod.ts";
export type { ClientOptions } from "./client_options.ts";
export type { Files } from "./files/mod.ts";
export type { RetryOptions } from "./http/mod.ts";
export { JobHandle } from "./jobs/mod.ts";
export type { Jobs, Queues } from "./jobs/mod.ts";
export type {
  Hardware,
  Health,
  Liveness,
  OpenedSession,
  PoolList,
  Programs,
  Session,
  Sessions,
  ToolList,
  Variables,
  Workers,
} from "./namespaces/mod.ts";
export type * from "./shapes/mod.ts";
export { SnakedenClient } from "./snakeden_client.ts";
export { MapResults, ToolStream } from "./streams/mod.ts";
export { valueFromJson, valueToJson } from "./values/mod.ts";
