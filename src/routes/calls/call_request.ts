import type { Value } from "../../bridge/mod.ts";
import type { CallOptions } from "../../calls/mod.ts";
import { OVER_HTTP } from "../../tools/mod.ts";
import { bodyForm, type Caller } from "../http/mod.ts";
import { hasInput, openInputCall } from "./input/mod.ts";
import { type FindTool, type LearnTool, uploadOpener } from "./upload/mod.ts";
import type { Traffic } from "./traffic.ts";

/** A call that a client asks for. */
export interface CallRequest {
  readonly tool: string;
  readonly args: Value;
  readonly options: CallOptions;
}

interface CallParts {
  readonly caller: Caller;
  readonly traffic: Traffic;
  readonly findTool: FindTool;
  readonly learnTool: LearnTool;
}

/**
 * Reads a call from the body of a request. A body that is an input stream is left to the tool. The
 * signal of `caller` cancels it, so a client that leaves ends its work.
 *
 * @throws {SnakedenError} `unsupported_media_type`, what {@link Traffic} throws, and
 * `invalid_input` naming every field that is wrong.
 */
export async function readCallRequest(
  request: Request,
  requestId: string,
  { caller, traffic, findTool, learnTool }: CallParts,
): Promise<CallRequest> {
  if (hasInput(request.url)) {
    const { options, ...call } = openInputCall(request, { limits: traffic.inputs, findTool });
    return { ...call, options: { ...options, requestId, signal: caller.signal, ...OVER_HTTP } };
  }
  const form = bodyForm(request.headers);
  const { tool, args, options } = form === "json"
    ? await traffic.readCall(request, caller)
    : await traffic.readUpload(
      request,
      caller,
      await uploadOpener(request, {
        form,
        learnTool: (name, pool, asked) =>
          learnTool(name, pool, { ...asked, signal: caller.signal }),
        maxDepth: traffic.inputs.maxDepth,
      }),
    );
  return { tool, args, options: { ...options, requestId, signal: caller.signal, ...OVER_HTTP } };
}
