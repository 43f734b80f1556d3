/** Sessions over a store in memory, with a clock that stands still until the test moves it. */
import type { Clock } from "../../src/async/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { Sessions } from "../../src/sessions/mod.ts";
import type { ConfigInput } from "../../src/config/mod.ts";
import { memoryStore, type Store } from "../../src/store/mod.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";

export interface OpenedSessions extends AsyncDisposable {
  readonly sessions: Sessions;
  readonly clock: FakeClock;
  /** The ids of the sessions that have ended, in order. */
  readonly ended: readonly string[];
  /** The lives with which workers keep objects and that have ended, in order. */
  readonly endedLives: readonly string[];
  /** The store, whose methods a test may replace before it uses the sessions. */
  readonly store: Store;
  /** Another host on the same store, with an empty cache. */
  again(): Sessions;
}

/** Opens sessions. The times of rows begin at 2026-01-01. */
export function openSessions(
  config: NonNullable<ConfigInput["sessions"]> = {},
  options: {
    readonly store?: (now: () => number, timer: Clock) => Store;
    /** True if the store says that it is in memory, which the log then has. */
    readonly saysSo?: boolean;
  } = {},
): OpenedSessions {
  const clock = new FakeClock();
  const start = Date.UTC(2026, 0, 1) - clock.now();
  const now = (): number => start + clock.now();
  const stack = new AsyncDisposableStack();
  const store = stack.use(options.store?.(now, clock) ?? memoryStore({ now }));
  if (!options.saysSo) store.report = () => Promise.resolve({ state: "open", setAside: [] });
  const parsed = parseConfig({ sessions: config }).sessions;
  const ended: string[] = [];
  const endedLives: string[] = [];
  const onEnded = (ids: readonly string[], lives: readonly string[]): void => {
    ended.push(...ids);
    endedLives.push(...lives);
  };
  const open = (): Sessions =>
    stack.use(new Sessions({ store, config: parsed, maxDepth: 200, clock, now, onEnded }));
  return {
    sessions: open(),
    clock,
    ended,
    endedLives,
    store,
    again: open,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
