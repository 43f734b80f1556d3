import { unlessAborted } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";
import { type Pool, stateRefusal } from "../pool/mod.ts";

/** Those who wait, as {@link learnTools} sees them. */
export interface Learner {
  /** The name of the tool that they want to know. */
  readonly tool: string;
  readonly signal?: AbortSignal | undefined;
  /** The longest wait; 0 for any time. Default: the time of a call. */
  readonly timeoutMs?: number | undefined;
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Waits until a worker with the code of now has been ready, for those who must know more of a tool
 * than its name. To the pool they are like a call that waits: it starts a worker as soon as it may
 * have one.
 *
 * @throws {SnakedenError} The error with which the pool refuses calls; `deadline_exceeded` if no
 * worker is ready in time. The reason of `signal`.
 */
export async function learnTools(
  pool: Pool,
  { tool, signal, timeoutMs = pool.timeoutOf(tool) }: Learner,
): Promise<void> {
  const { code } = pool;
  if (code.isConfirmed) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using ends = new DisposableStack();
  if (timeoutMs > 0) {
    const timer = setTimeout(
      () => reject(tooLate(pool, tool, timeoutMs)),
      Math.min(timeoutMs, MAX_TIMER_MS),
    );
    ends.defer(() => clearTimeout(timer));
  }
  const assess = (): void => {
    const refusal = stateRefusal(pool, tool);
    if (refusal !== undefined) reject(refusal);
  };
  ends.defer(code.onServed(() => resolve()));
  ends.defer(pool.onTransition(assess));
  ends.use(code.awaited());
  assess();
  pool.reconsider();
  await unlessAborted(promise, signal);
}

function tooLate({ name }: Pool, tool: string, timeoutMs: number): SnakedenError {
  return new SnakedenError(
    "deadline_exceeded",
    `Cannot call ${tool}: no worker of the pool ${name} was ready within ${timeoutMs} ms`,
    { details: { pool: name, timeoutMs } },
  );
}
