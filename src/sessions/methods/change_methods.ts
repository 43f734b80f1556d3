import { type Clock, SYSTEM_CLOCK } from "../../async/mod.ts";
import { Value } from "../../bridge/mod.ts";
import type { AskingCall, HostMethod } from "../../pool/mod.ts";
import { lifeOf } from "../variables/mod.ts";
import { invalidInput, sessionOf } from "../session_errors.ts";
import type { Sessions } from "../sessions.ts";

/** The most changes of one answer. */
const MAX_CHANGES = 1_000;
/** The longest wait for a change; the tool asks again then. */
const MAX_WAIT_MS = 20_000;

/**
 * Returns the methods by which tools follow the changes of the session of their call. Twin of
 * variable_changes.py:
 *
 * - `session.position`: the `position` of the last change.
 * - `session.changes` `{since, after, poll}`: the `changes` after a position, at most 1,000; the
 *   position `after` them; and whether the session, which had the position `since`, has `ended`.
 *   Answers when there is a change, at the latest after 20 s. `poll` is a number for this wait.
 * - `session.leave_changes` `{poll}`: ends the wait, which is then answered with no changes.
 *
 * The store keeps more changes of the session from the first method on until the call ends. A call
 * that waits does not use the session, so it may expire meanwhile.
 */
export function changeMethods(
  sessions: Sessions,
  clock: Pick<Clock, "after"> = SYSTEM_CLOCK,
): Readonly<Record<string, HostMethod>> {
  /** The calls that follow changes, each by its signal. */
  const followers = new WeakMap<AbortSignal, Follower>();

  function followerOf({ signal }: AskingCall): Follower {
    const follower = followers.get(signal) ?? { waits: new Map(), kept: new Set() };
    followers.set(signal, follower);
    return follower;
  }

  async function wait(call: AskingCall, args: ChangesArgs): Promise<Value> {
    const { signal } = call;
    const { since, after, poll } = args;
    const left = new AbortController();
    const leave = (): void => left.abort();
    const { waits } = followerOf(call);
    waits.set(poll, leave);
    const cancel = clock.after(MAX_WAIT_MS, leave);
    try {
      const ends = AbortSignal.any([signal, left.signal]);
      const ask = { since, after, limit: MAX_CHANGES, signal: ends };
      return Value.from(await sessions.nextChanges(sessionOf(call), ask));
    } catch (error) {
      if (!left.signal.aborted || signal.aborted) throw error;
      return Value.from({ changes: [], after, ended: false });
    } finally {
      cancel();
      waits.delete(poll);
    }
  }

  return {
    "session.position": async (call) => {
      const id = sessionOf(call);
      const position = await sessions.position(id);
      const { kept } = followerOf(call);
      const life = lifeOf(position);
      if (!kept.has(life)) sessions.keepChanges(id, { since: position, signal: call.signal });
      kept.add(life);
      return Value.from({ position });
    },
    "session.changes": (call, args) => wait(call, changesArgs(args)),
    "session.leave_changes": (call, args) => {
      followerOf(call).waits.get(pollOf(args.decode()))?.();
      return Value.from(null);
    },
  };
}

/** A call that follows the changes of its session. */
interface Follower {
  /** Ends each open wait, by its number. */
  readonly waits: Map<number, () => void>;
  /** The lives of which the store keeps changes for the call. */
  readonly kept: Set<string>;
}

interface ChangesArgs {
  readonly since: string;
  readonly after: string;
  readonly poll: number;
}

/** Checks arguments, which come from Python and may be anything. */
function changesArgs(args: Value): ChangesArgs {
  const given = args.decode();
  const { since, after } = (given ?? {}) as Record<string, unknown>;
  if (typeof since !== "string") throw wrong("since", "the position of a change");
  if (typeof after !== "string") throw wrong("after", "the position of a change");
  return { since, after, poll: pollOf(given) };
}

function pollOf(args: unknown): number {
  const { poll } = (args ?? {}) as Record<string, unknown>;
  if (typeof poll !== "number") throw wrong("poll", "a number");
  return poll;
}

function wrong(path: string, allowed: string): Error {
  return invalidInput("follow the changes", [{ path, message: `allowed: ${allowed}` }]);
}
