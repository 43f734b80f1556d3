import { Value } from "../../bridge/mod.ts";
import { SnakedenError } from "../../errors.ts";
import type { AskingCall, HostMethod, Pool, Worker } from "../../pool/mod.ts";
import { registrationOf, unregistrationOf } from "./registration.ts";

/** Dependencies of {@link registrationMethods}. */
export interface RegistrationDeps {
  /** Returns all pools that have workers; undefined before they are open. */
  readonly pools: () => readonly Pool[] | undefined;
  readonly sessions: {
    /** Has the workers hear of the end of a session; returns its life. */
    keepLocal(id: string): Promise<string>;
  };
}

/**
 * Returns the methods by which workers register tools. Twin of registered_tools.py:
 *
 * - `tools.register` `{tools, session}`: registers all of the tools or none, for all callers or,
 *   with `session`, for the session of the call. The answer is null, or the `life` of the session,
 *   with whose end the tools end. Calls by their names work from the answer on.
 * - `tools.unregister` `{names, session}`: ends tools that the worker has registered; null.
 */
export function registrationMethods(
  { pools, sessions }: RegistrationDeps,
): Readonly<Record<string, HostMethod>> {
  function ownerOf({ pool: name, incarnation, workerId }: AskingCall): readonly [Pool, Worker] {
    for (const pool of pools() ?? []) {
      if (pool.name !== name) continue;
      const worker = pool.workers.find((it) => it.incarnation === incarnation);
      if (worker !== undefined) return [pool, worker];
    }
    throw new SnakedenError("shutting_down", `Cannot register tools: ${workerId} has ended`);
  }

  return {
    "tools.register": async (call, args) => {
      const { tools, session } = registrationOf(args);
      const [pool, worker] = ownerOf(call);
      if (!session) {
        pool.registered.add(worker, tools);
        return Value.from(null);
      }
      const id = sessionOf(call);
      const life = await sessions.keepLocal(id);
      // If the call has ended, the worker has been told that it registered nothing.
      call.signal.throwIfAborted();
      pool.registered.add(worker, tools, { id, life });
      let isOpen = false;
      try {
        // It may have ended before the tools were there.
        isOpen = await sessions.keepLocal(id) === life;
      } finally {
        if (!isOpen) pool.registered.sessionsEnded([life]);
      }
      if (!isOpen) throw sessionEnded(id);
      if (call.signal.aborted) {
        pool.registered.remove(worker, tools.map(({ name }) => name), id);
        throw call.signal.reason;
      }
      return Value.from({ life });
    },
    "tools.unregister": (call, args) => {
      const { names, session } = unregistrationOf(args);
      const [pool, worker] = ownerOf(call);
      pool.registered.remove(worker, names, session ? sessionOf(call) : undefined);
      return Value.from(null);
    },
  };
}

function sessionEnded(id: string): SnakedenError {
  return new SnakedenError("unknown_session", `Cannot register tools: the session ${id} ended`, {
    details: { sessionId: id },
  });
}

function sessionOf({ sessionId, tool }: AskingCall): string {
  if (sessionId !== "") return sessionId;
  throw new SnakedenError(
    "invalid_tool",
    `Cannot register a tool for the session of this call of ${tool}: the call has no sessionId`,
  );
}
