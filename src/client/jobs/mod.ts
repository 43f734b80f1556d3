/**
 * Durable jobs over HTTP: {@link Jobs} and {@link Queues}, named as in the library, and
 * {@link JobHandle}, a job that was submitted.
 *
 * - job_body.ts: submissions as they are sent, each with an idempotency key.
 * - job_requests.ts: requests that may be sent again, at the same host only.
 * - job_events.ts, job_wait.ts: what follows a job over as many connections as it takes.
 *
 * @module
 */
export { type HandledJobs, JobHandle } from "./job_handle.ts";
export { Jobs } from "./jobs.ts";
export { Queues } from "./queues.ts";
