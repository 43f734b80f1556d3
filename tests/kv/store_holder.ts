/**
 * A program that tests run in a process of its own:
 * `deno run -A store_holder.ts hold|write|fill DATA_DIR [RUN_ID]`.
 */
import { messageOf } from "../../src/errors.ts";
import { configureLogging } from "../../src/log.ts";
import { writeBeforeKill } from "../store/conformance.ts";
import { newRunId, openStore, registryOver } from "./open_store.ts";

const [mode = "", dataDir = "", runId = newRunId()] = Deno.args;
configureLogging();

if (mode === "hold") {
  const store = await openStore(dataDir);
  const registry = registryOver(store);
  await registry.reserve({ workerId: "held-1", incarnation: "held-1.x" });
  console.log("holding");
  // Until it is killed.
  setInterval(() => {}, 60_000);
} else if (mode === "write") {
  await writeBeforeKill(await openStore(dataDir, runId), runId);
  console.log("written");
  // Until it is killed.
  setInterval(() => {}, 60_000);
} else if (mode === "fill") {
  // Writes until the disk is full, and prints the errors.
  try {
    const store = await openStore(dataDir, newRunId());
    const whole: number[] = [];
    await store.sessions.open("full", { ttlMs: 3_600_000, metadata: {} });
    try {
      for (let i = 0; i < 100; i++) {
        const value = new Uint8Array(60_000).fill(i);
        await store.sessions.setVars("full", [{ name: `v-${i}`, type: "bytes", value }]);
        whole.push(i);
      }
    } catch (error) {
      console.log(`put: ${messageOf(error)}`);
    }
    const registry = registryOver(store);
    await registry.reserve({ workerId: "full-1", incarnation: "full-1.x" });
    console.log(`rows: ${registry.list().length}`);
    for (const i of whole) {
      const [row] = await store.sessions.getVars("full", [`v-${i}`]) ?? [];
      if (row?.value.length !== 60_000 || row.value[0] !== i) throw new Error(`v-${i} is lost`);
    }
    console.log(`whole: ${whole.length}`);
    await store[Symbol.asyncDispose]();
  } catch (error) {
    console.log(`error: ${messageOf(error)}`);
    Deno.exit(3);
  }
} else throw new Error(`unknown mode ${mode}`);
