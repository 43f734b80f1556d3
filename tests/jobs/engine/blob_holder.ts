/**
 * A program that tests kill: it runs a job of a directory whose result is long, and hangs between
 * the write of the blob and that of the end: `deno run -A blob_holder.ts DIRECTORY`.
 */
import { parseConfig } from "../../../src/config/mod.ts";
import { JobEngine } from "../../../src/jobs/engine/mod.ts";
import { JobFeed, type Runner } from "../../../src/jobs/mod.ts";
import { newJob } from "../../store/jobs/job_kit.ts";
import { openIn } from "./blob_place.ts";

const [directory = ""] = Deno.args;
const { store, blobs } = await openIn(directory);
await store.declareQueues([{ name: "default" }]);
const runner: Runner = {
  kind: "call",
  prepare: () => {
    throw new Error("nothing is prepared here");
  },
  run: () => Promise.resolve({ result: new Uint8Array(1_000_000).fill(1) }),
  describe: () => ({}),
};
store.finish = async () => {
  console.log("between");
  await new Promise(() => {});
  return [];
};
const { jobs: config } = parseConfig({});
const room = { onIdle: undefined, capacity: 1, idle: 1, startable: 0 };
JobEngine.open({
  store,
  blobs,
  holder: "killed",
  pools: [{ name: "main", state: "ready", queued: 0, queueLimit: 1, room }],
  runners: { call: runner },
  feed: new JobFeed(),
  config,
});
await store.submit([newJob({ id: "job", pool: "main" })]);
// Until it is killed.
setInterval(() => {}, 60_000);
