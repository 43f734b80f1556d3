import type { Config } from "../config/mod.ts";
import type { FindTools, MapSlice } from "./calls/mod.ts";
import type { FilesSlice } from "./files/mod.ts";
import type { HardwareSlice } from "./hardware.ts";
import type { HealthSlice } from "./health.ts";
import type { JobsSlice, QueuesSlice } from "./jobs/mod.ts";
import type {
  PoolChangesSlice,
  PoolsSlice,
  PoolVerbsSlice,
  RecycleSlice,
  ReloadSlice,
} from "./pools/mod.ts";
import type { ProgramsSlice, RunSlice } from "./programs/mod.ts";
import type { SessionsSlice } from "./sessions/mod.ts";
import type { SocketHost } from "./socket/mod.ts";
import type { ToolsSlice } from "./tools.ts";
import type { WorkersSlice } from "./workers.ts";

/** The host as the routes see it, with one slice for each route. `Snakeden` is one. */
export interface Engine extends SocketHost, MapSlice, ReloadSlice {
  readonly config: Pick<Config, "apiKey" | "cors" | "errors" | "limits" | "sessions">;
  readonly tools: ToolsSlice & FindTools;
  readonly pools: PoolsSlice & RecycleSlice & PoolChangesSlice & PoolVerbsSlice;
  readonly workers: WorkersSlice;
  readonly sessions: SessionsSlice;
  readonly programs: ProgramsSlice["programs"] & RunSlice["programs"];
  /** The jobs; the routes take them with results that stay encoded. */
  readonly jobs: { encoded(): JobsSlice };
  readonly queues: QueuesSlice;
  readonly files: FilesSlice;
  readonly hardware: HardwareSlice;
  readonly health: HealthSlice;
}
