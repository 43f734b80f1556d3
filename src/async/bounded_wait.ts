import { type Clock, SYSTEM_CLOCK } from "./clock.ts";

/** Waits for a promise, at most `timeoutMs`. Returns true if it settled in time. Never rejects. */
export async function settlesWithin(
  promise: Promise<unknown>,
  timeoutMs: number,
): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, timeoutMs));
  });
  try {
    return await Promise.race([promise.then(() => true, () => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for a promise of work that goes on in any case.
 *
 * @throws What the promise rejects with, or the reason of `signal`.
 */
export async function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return await promise;
  // Nobody may be left to hear of a failure.
  promise.catch(() => {});
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Waits `ms` milliseconds. Returns early, without an error, when `signal` aborts. */
export async function delay(
  ms: number,
  signal?: AbortSignal,
  options: { readonly clock?: Clock } = {},
): Promise<void> {
  if (signal?.aborted) return;
  const { clock = SYSTEM_CLOCK } = options;
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = clock.after(ms, resolve);
  const onAbort = (): void => resolve();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

/**
 * Runs `work` with a signal that aborts after `timeoutMs`. The timer is cleared when the work is
 * done, unlike that of `AbortSignal.timeout`, so it does not keep the program running.
 */
export async function withDeadline<T>(
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const late = new DOMException(`not done after ${timeoutMs} ms`, "TimeoutError");
  const timer = setTimeout(() => controller.abort(late), timeoutMs);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
  }
}
