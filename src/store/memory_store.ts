import { SYSTEM_CLOCK } from "../async/mod.ts";
import { AcceptedWork } from "./accepted_work.ts";
import { type Blobs, checkBlob, copyOf } from "./blobs.ts";
import { ChangeLogs, type ChangeLogsDeps } from "./change_logs.ts";
import { KeyedQueue } from "./keyed_queue.ts";
import { MemorySessions } from "./memory_sessions.ts";
import { storeTime } from "./session_row.ts";
import type { Store } from "./store.ts";

/**
 * Returns a store that lives as long as its host. It keeps no process rows, since no later host
 * could read them. Processes that such a host leaves behind are found by the mark in their
 * environment. `now` is its clock: milliseconds since 1970. `timer` rings when a session
 * expires that somebody watches.
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
    blobs: memoryBlobs(accepted),
    sessions: new MemorySessions({ accepted, logs, now }),
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

function memoryBlobs(accepted: AcceptedWork): Blobs {
  const values = new Map<string, Uint8Array<ArrayBuffer>>();
  const writes = new KeyedQueue();
  return {
    put: (id, value) =>
      accepted.run("write a blob", async () => {
        checkBlob(id, value);
        await writes.run(id, async () => void values.set(id, await copyOf(value)));
      }),
    get: (id) =>
      accepted.run("read a blob", async () => {
        checkBlob(id);
        const value = values.get(id);
        return value && await copyOf(value);
      }),
    delete: (id) =>
      accepted.run("delete a blob", async () => {
        checkBlob(id);
        await writes.run(id, () => Promise.resolve(void values.delete(id)));
      }),
  };
}
