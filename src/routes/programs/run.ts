import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Value } from "../../bridge/mod.ts";
import type { CallOptions } from "../../calls/mod.ts";
import type { ResolvedCall } from "../../sessions/mod.ts";
import { OVER_HTTP } from "../../tools/mod.ts";
import {
  answerCall,
  CALL_ANSWER,
  type ExecuteSlice,
  type FindTool,
  type FindTools,
  RUN_PARAMETERS,
  RUN_REQUEST,
  runRequestSchema,
  type Traffic,
} from "../calls/mod.ts";
import type { AppEnv } from "../http/mod.ts";
import { bodyByReference, problemAnswers } from "../schema/mod.ts";
import { PROGRAM_PARAM } from "./program_schema.ts";

const route = createRoute({
  method: "post",
  path: "/v1/programs/{name}/run",
  operationId: "runProgram",
  tags: ["programs"],
  summary: "Run a program and wait for its result",
  description: "Runs the program of the session that `sessionId` names, if that has one of this " +
    "name, else the global one. `args` replace stored arguments by name, and the other " +
    "fields win over stored ones. They can be in the query too. The answer is that of " +
    "`/v1/execute`.",
  parameters: RUN_PARAMETERS,
  request: { params: PROGRAM_PARAM, body: bodyByReference(RUN_REQUEST, { required: false }) },
  responses: {
    200: CALL_ANSWER,
    ...problemAnswers(400, 404, 406, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504),
  },
});

/** The part of the host that {@link addRun} uses. */
export interface RunSlice extends ExecuteSlice {
  readonly programs: {
    resolve(name: string, args: Value, options: CallOptions): Promise<ResolvedCall>;
  };
  readonly tools: FindTools;
}

/** Adds `POST /v1/programs/:name/run`. */
export function addRun(
  app: OpenAPIHono<AppEnv>,
  host: RunSlice,
  { traffic }: { readonly traffic: Traffic },
): void {
  app.openAPIRegistry.registerComponent("schemas", RUN_REQUEST, runRequestSchema);
  const findTool: FindTool = (name, pool, options) =>
    host.tools.find(name, pool, { ...options, ...OVER_HTTP });
  app.openapi(route, async (c) => {
    const { name } = c.req.valid("param");
    const request = c.req.raw;
    using caller = traffic.callers.open(request, c.env);
    const { signal } = caller;
    const run = await traffic.readRun(request, caller);
    const given = { ...run.options, requestId: c.get("requestId"), signal };
    const found = await host.programs.resolve(name, run.args, given);
    const { tool, args } = found;
    const options = { ...found.options, ...OVER_HTTP };
    c.set("called", { tool, pool: options.pool });
    const accept = c.req.header("accept");
    return await answerCall({ tool, args, options, accept, signal }, { host, traffic, findTool });
  });
}
