import type { Value } from "../bridge/mod.ts";
import type { CallOptions } from "../calls/mod.ts";
import type { Config } from "../config/mod.ts";
import type {
  CallOutcome,
  PoolInfo,
  Readiness,
  RecycleRequest,
  Recycling,
  StreamEvent,
  WaitOptions,
  WorkerInfo,
} from "../pool/mod.ts";
import type { ToolInfo } from "../tools/mod.ts";

/** What the routes need of the host; `Snakeden` is one. */
export interface Engine {
  readonly config: Pick<Config, "apiKey" | "errors" | "host" | "limits">;
  call(tool: string, args: Value, options: CallOptions): Promise<CallOutcome>;
  stream(tool: string, args: Value, options: CallOptions): EventSource;
  readonly tools: { list(): ToolInfo[] };
  readonly pools: { list(): PoolInfo[]; startRecycle(request: RecycleRequest): Recycling };
  readonly workers: { list(): WorkerInfo[]; stop(id: string): Promise<void> };
  readonly health: { ready(options: WaitOptions): Promise<Readiness> };
}

/** A streaming call that has not begun; reading the events begins it. */
export interface EventSource {
  events(): AsyncIterable<StreamEvent>;
}
