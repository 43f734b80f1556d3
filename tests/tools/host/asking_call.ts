import { Value } from "../../../src/bridge/mod.ts";
import type { AskingCall } from "../../../src/pool/mod.ts";
import {
  type AnyInput,
  defineTool,
  HostRuns,
  type HostToolDefinition,
  HostTools,
  toolMethods,
} from "../../../src/tools/mod.ts";

/** The door for tools in Python to some host tools, without Python. */
export interface Door extends Disposable {
  readonly tools: HostTools;
  readonly runs: HostRuns;
  /** Asks as a tool in Python does; returns the decoded answer. */
  ask(method: string, args: unknown, call?: AskingCall): Promise<unknown>;
}

/** Limits that are easy to reach. */
export const LIMITS = { maxDepth: 20, maxCallDepth: 4, maxResultBytes: 1_000_000 };

/** Makes host tools that are exposed to all pools. */
export function doorTo(...tools: HostToolDefinition[]): Door {
  const hostTools = new HostTools({
    pools: () => ["default", "gpu"],
    isOpen: () => Promise.resolve(true),
  });
  hostTools.register(tools);
  const runs = new HostRuns({
    limits: LIMITS,
    calls: () => {
      throw new Error("no tool here calls others");
    },
  });
  const methods = toolMethods({ tools: hostTools, runs });
  return {
    tools: hostTools,
    runs,
    ask: async (method, args, call = callOf()) => {
      const answer = await methods[method]?.(call, Value.from(args));
      return answer?.decode();
    },
    [Symbol.dispose]: () => runs[Symbol.dispose](),
  };
}

/** Makes a tool that is exposed to all pools. */
export function exposed(
  name: string,
  run: HostToolDefinition["run"],
  rest: Partial<HostToolDefinition<AnyInput>> = {},
): HostToolDefinition {
  return defineTool({ name, expose: "all", run, ...rest });
}

/** Makes a call that asks. */
export function callOf(rest: Partial<AskingCall> = {}): AskingCall {
  return {
    callId: "c-1",
    requestId: "",
    sessionId: "",
    pool: "default",
    tool: "py",
    workerId: "default-1",
    incarnation: "0",
    depth: 0,
    remainingMs: 60_000,
    signal: new AbortController().signal,
    ...rest,
  };
}
