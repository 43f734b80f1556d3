import { SYSTEM_CLOCK } from "../async/mod.ts";
import { AcceptedWork } from "./accepted_work.ts";
import { ChangeLogs, type ChangeLogsDeps } from "./change_logs.ts";
import { MemorySessions } from "./memory_sessions.ts";
import { storeTime } from "./session_row.ts";
import type { Store } from "./store.ts";
import { checkToolList } from "./workers/mod.ts";

/**
 * Returns a store that lives as long as its host. It keeps no process rows, since no later host
 * could read them, and no lists of tools. Processes that such a host leaves behind are found by the
 * mark in their environment. `now` is its clock: milliseconds since 1970. `timer` rings when a
 * session expires that somebody watches.
 */
export function memoryStore(
  { now = storeTime, timer = SYSTEM_CLOCK }: Partial<ChangeLogsDeps> = {},
): Store {
  const accepted = new AcceptedWork();
  const logs = new ChangeLogs({ now, timer });
  return {
    processes: {
      record: () => accepted.run("record a process", () => Promise.resolve()),
      forget: () => accepted.run("forget processes", () => Promise.resolve()),
    },
    sessions: new MemorySessions({ accepted, logs, now }),
    toolLists: {
      list: () => accepted.run("list the lists of tools", () => Promise.resolve([])),
      get: () => accepted.run("read a list of tools", () => Promise.resolve(undefined)),
      put: (row) =>
        // deno-lint-ignore require-await
        accepted.run("keep a list of tools", async () => checkToolList(row)),
      remove: () => accepted.run("remove lists of tools", () => Promise.resolve()),
    },
    deadProcesses: [],
    report: () =>
      accepted.run(
        "describe the store",
        () => Promise.resolve({ state: "in memory", setAside: [] }),
      ),
    [Symbol.asyncDispose]: () => {
      logs.close();
      return accepted.close(() => Promise.resolve());
    },
  };
}
