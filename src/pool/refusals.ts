import { PythonTraceback, SnakedenError } from "../errors.ts";
import type { PoolState } from "./pool_state.ts";
import type { UnhealthyDevice } from "./supervision/mod.ts";

/** The facts about a pool that an error for a refused call contains. */
export interface RefusingPool {
  readonly name: string;
  readonly state: PoolState;
  /** The last failure, with the output of a worker. */
  readonly reason: string | undefined;
  /** The number of starts that failed in a row. */
  readonly failures: number;
  readonly queueLimit: number;
  /** The reason why it ends, such as `was removed`; undefined if it stops with its host. */
  readonly endReason?: string | undefined;
  /** The unhealthy devices for which all its slots wait. */
  readonly heldUpBy: readonly UnhealthyDevice[];
}

/**
 * Returns the error if the state of a pool forbids a call of `tool`, or any use if no tool is
 * named; undefined if the pool accepts it. For a tool, the message has only the first line of the
 * reason, and the rest, such as the traceback of its adapter, is the cause: HTTP sends no causes.
 */
export function stateRefusal(pool: RefusingPool, tool?: string): SnakedenError | undefined {
  const { name, state } = pool;
  // Every call passes here, so nothing else is read before it is needed.
  if (state === "starting" || state === "ready") return undefined;
  const cannot = tool === undefined ? `Pool ${name} cannot serve` : `Cannot call ${tool}`;
  if (state === "unhealthy") {
    const { heldUpBy } = pool;
    if (heldUpBy.length > 0) return devicesRefusal(cannot, { name, heldUpBy });
    const { reason = "", failures } = pool;
    const [first = "", ...rest] = tool === undefined ? [reason] : reason.split("\n");
    return new SnakedenError(
      "pool_unhealthy",
      `${cannot}: no worker of the pool ${name} can be started`,
      {
        output: first === "" ? "" : `. ${first}`,
        retryable: true,
        details: { pool: name, failures },
        ...(rest.length === 0 ? {} : { cause: new PythonTraceback(rest.join("\n")) }),
      },
    );
  }
  const { endReason = `is ${state}` } = pool;
  return new SnakedenError("shutting_down", `${cannot}: the pool ${name} ${endReason}`, {
    retryable: true,
  });
}

/** Describes the devices for which a pool waits. */
export function devicesText(devices: readonly UnhealthyDevice[]): string {
  return devices.map(({ deviceId, reason }) => `${deviceId}: ${reason}`).join("; ");
}

function devicesRefusal(
  cannot: string,
  { name, heldUpBy }: Pick<RefusingPool, "name" | "heldUpBy">,
): SnakedenError {
  const retryAfterMs = Math.min(...heldUpBy.map(({ remainingMs }) => remainingMs));
  return new SnakedenError(
    "device_unavailable",
    `${cannot}: all devices of the pool ${name} are unhealthy: ${devicesText(heldUpBy)}`,
    {
      retryable: true,
      details: {
        pool: name,
        tried: heldUpBy.map(({ deviceId, reason }) => ({ want: deviceId, why: reason })),
        // While a worker tries a device, nobody knows for how long.
        ...(retryAfterMs > 0 ? { retryAfterMs } : {}),
      },
    },
  );
}

/** Returns the error for a use of a pool that needs a worker, before the first one is ready. */
export function noWorkerYet({ name }: Pick<RefusingPool, "name">): SnakedenError {
  return new SnakedenError("pool_unhealthy", `Pool ${name} has no ready worker yet`, {
    retryable: true,
  });
}

/** Returns the error for a call that finds the queue full. */
export function queueFull({ name, queueLimit }: RefusingPool, tool: string): SnakedenError {
  return new SnakedenError(
    "pool_saturated",
    `Cannot call ${tool}: all workers of the pool ${name} are busy and ${queueLimit} calls wait`,
    { retryable: true, details: { pool: name, queueLimit } },
  );
}
