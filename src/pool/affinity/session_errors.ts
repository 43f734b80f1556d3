import { SnakedenError } from "../../errors.ts";
import type { Home } from "./home.ts";

/** The session of a call, and its worker. */
interface BoundSession {
  readonly sessionId: string;
  readonly home: Home | undefined;
}

/** Returns the error of a strict call whose worker takes no more calls. */
export function sessionWorkerUnavailable(
  tool: string,
  { sessionId, home }: BoundSession,
): SnakedenError {
  const { workerId, incarnation, end } = home ?? {};
  const { text = "died", reason = "killed" } = end ?? {};
  const worker = workerId === undefined
    ? `the worker of the session ${sessionId}`
    : `${workerId}, the worker of the session ${sessionId},`;
  return new SnakedenError(
    "session_worker_unavailable",
    `Cannot call ${tool}: ${worker} ${text}; ` +
      "`rebind: true` binds the session to another worker, which has none of its Python objects",
    {
      details: {
        sessionId,
        ...(workerId === undefined ? {} : { workerId, incarnation }),
        workerEnd: text,
        workerEndReason: reason,
        mayHaveRun: false,
      },
    },
  );
}

/** Returns the error of a call that does not wait for its worker, which is busy. */
export function workerBusy(tool: string, { sessionId, home }: BoundSession): SnakedenError {
  const text = home === undefined
    ? `no worker is idle for the session ${sessionId}`
    : `${home.workerId}, the worker of the session ${sessionId}, is busy`;
  return new SnakedenError("worker_busy", `Cannot call ${tool}: ${text}`, {
    retryable: true,
    details: { sessionId, ...(home === undefined ? {} : { workerId: home.workerId }) },
  });
}

/** Returns the error of the first strict call of a session beyond the limit of its pool. */
export function tooManySessions(
  tool: string,
  { sessionId, affinityLimit }: { readonly sessionId: string; readonly affinityLimit: number },
): SnakedenError {
  return new SnakedenError(
    "session_quota_exceeded",
    `Cannot call ${tool}: the session ${sessionId} cannot be bound to a worker, since ` +
      `${affinityLimit} others of the pool are bound (\`affinityLimit\`)`,
    { retryable: true, details: { sessionId, affinityLimit } },
  );
}
