/**
 * The consequences of a worker's end for its calls. {@link classifyCrash} names the kind of a
 * crash, {@link CrashPolicy} returns a {@link Verdict} on each call that was in flight,
 * crash_log.ts keeps the last crashes, and poison_memory.ts remembers the calls that kill every
 * worker they reach.
 *
 * @module
 */
export {
  classifyCrash,
  type Crash,
  type CrashKind,
  isOwnDoing,
  isSignalled,
} from "./crash_kind.ts";
export type { CrashStats } from "./crash_log.ts";
export { type CrashOptions, CrashPolicy } from "./crash_policy.ts";
export type { CrashRecord, EndedWorker } from "./crash_record.ts";
export { describeExit, describeOutput } from "./exit_status.ts";
export type { Judgement, Verdict } from "./verdict.ts";
