import { fileURLToPath } from "node:url";
import { HostProcess } from "../fixtures/host.ts";
import { until } from "../fixtures/until.ts";
import { type DurableDriver, testStore } from "../store/conformance.ts";
import { testSessions } from "../store/session_conformance.ts";
import { testToolLists } from "../store/tool_list_conformance.ts";
import { testVariables } from "../store/variable_conformance.ts";
import { testWatches } from "../store/watch_conformance.ts";
import { openStore, tamper, tempDir } from "./open_store.ts";

const HOLDER = fileURLToPath(new URL("store_holder.ts", import.meta.url));

const DRIVER: DurableDriver = {
  name: "KvStore",
  durable: true,
  place: async () => {
    const { path, [Symbol.asyncDispose]: remove } = await tempDir();
    return {
      open: (runId, options) => openStore(path, runId, options),
      damageRow: ({ runId, incarnation }) =>
        tamper(path, async (kv) => {
          const key = ["process", runId, incarnation];
          const { value } = await kv.get<Uint8Array>(key);
          await kv.set(key, value?.subarray(0, value.length / 2));
        }),
      killHost: async (runId) => {
        await using host = new HostProcess(["run", "-A", HOLDER, "write", path, runId]);
        await until(() => {
          if (host.ended) throw new Error(host.stderr);
          return host.stdout.includes("written");
        }, "the other process to have written");
        host.kill("SIGKILL");
        await host.finished();
      },
      [Symbol.asyncDispose]: remove,
    };
  },
};

testStore(DRIVER);
testSessions(DRIVER);
testToolLists(DRIVER);
testVariables(DRIVER);
testWatches(DRIVER);
