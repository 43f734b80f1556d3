import { DeadlineExceededError, SnakedenError } from "../errors.ts";
import type { Pool } from "../pool/mod.ts";
import { type CallOrigin, ORIGIN, type Originated } from "../tools/mod.ts";
import type { CallOptions } from "./call_options.ts";

/** Returns the origin of a call, if it is not that of a program outside. */
export function originOf(options: CallOptions): CallOrigin | undefined {
  return (options as Originated)[ORIGIN];
}

/**
 * Returns the deadline of a call, at most what is left of that of the call around it.
 *
 * @throws {SnakedenError} `deadline_exceeded` if nothing is left.
 */
export function timeoutOf(pool: Pool, tool: string, options: CallOptions): number {
  const timeoutMs = options.timeoutMs ?? pool.timeoutOf(tool, options.sessionId);
  const deadlineAt = originOf(options)?.deadlineAt;
  if (deadlineAt === undefined || deadlineAt === Infinity) return timeoutMs;
  const leftMs = deadlineAt - performance.now();
  if (leftMs > 0) return Math.min(timeoutMs, leftMs);
  const text = `Cannot run ${tool}: the deadline of the call around it has passed`;
  throw new DeadlineExceededError(text, "queue", { timeoutMs: 0 });
}

/**
 * Refuses a nested call that could only wait for workers that run the calls around it: they wait
 * for it, so it would wait until the deadline.
 *
 * @throws {SnakedenError} `call_depth_exceeded`.
 */
export function refuseDeadlock(
  pool: Pool,
  tool: string,
  { origin, options }: { readonly origin: CallOrigin; readonly options: CallOptions },
): void {
  const held = new Set<string>();
  for (const it of origin.ancestors) if (it.pool === pool.name) held.add(it.workerId);
  if (held.size === 0) return;
  const bound = strictWorkerOf(pool, options);
  if (bound !== undefined && held.has(bound)) {
    throw refused(pool, tool, {
      origin,
      why: `its session is bound to ${bound} of the pool ${pool.name}, which runs a call around it`,
      cure: "call it without the session, or with the affinity hint",
    });
  }
  // While a worker is replaced, its successor can run the call.
  if (held.size < pool.size || pool.serving.length > held.size) return;
  const workers = pool.size === 1 ? "its only worker runs" : `all its ${pool.size} workers run`;
  throw refused(pool, tool, {
    origin,
    why: `the pool ${pool.name} has the size ${pool.size}, and ${workers} calls around it`,
    cure: "make the pool larger, or call a tool of another pool",
  });
}

/** Returns the worker to which a call is bound by its session, if it is. */
function strictWorkerOf(pool: Pool, options: CallOptions): string | undefined {
  const { sessionId, affinity = pool.sessions.mode } = options;
  if (sessionId === undefined || affinity === "hint") return undefined;
  const worker = pool.sessions.workerOf(sessionId);
  return worker?.isStrict && worker.end === undefined ? worker.workerId : undefined;
}

function refused(
  pool: Pool,
  tool: string,
  { origin, why, cure }: {
    readonly origin: CallOrigin;
    readonly why: string;
    readonly cure: string;
  },
): SnakedenError {
  return new SnakedenError(
    "call_depth_exceeded",
    `Cannot run ${tool}: it would wait for calls that wait for it: ${why}; ${cure}`,
    { details: { tool, pool: pool.name, size: pool.size, depth: origin.depth } },
  );
}
