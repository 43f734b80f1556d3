import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { addressOf, checkSocketOrigin, Cors, logStreamFailure } from "../access/mod.ts";
import type { Traffic } from "../calls/mod.ts";
import type { AppEnv, Shown } from "../http/mod.ts";
import { problemAnswers } from "../schema/mod.ts";
import { Connection, type ConnectionLimits } from "./connection.ts";
import { checkHandshake } from "./handshake.ts";
import type { OpenSockets } from "./open_sockets.ts";
import type { SocketHost } from "./socket_call.ts";

/** The path of the WebSocket. */
const PATH = "/v1/socket";

const route = createRoute({
  method: "get",
  path: PATH,
  operationId: "socket",
  tags: ["calls"],
  summary: "Open a WebSocket for many calls",
  description: "One WebSocket for many calls at once, with input and chunks in both directions. " +
    "Text messages are JSON objects with `type` and `id`; binary messages hold bytes and arrays. " +
    "docs/http.md describes them. A client that leaves cancels its calls.",
  responses: {
    101: { description: "The WebSocket is open. Its subprotocol is `snakeden.v1`, if offered." },
    ...problemAnswers(400, 426, 503),
  },
});

/** Options of {@link addSocket}. */
export interface SocketOptions {
  readonly traffic: Traffic;
  readonly sockets: OpenSockets;
  /** Origins of other sites whose pages may open a socket. */
  readonly corsOrigins: readonly string[];
  /** The parts of Python errors that problems show. */
  readonly shown: Shown;
  /** Returns a signal that aborts when the API key of a request is removed. */
  readonly removalOf: (headers: Headers) => AbortSignal | undefined;
  readonly limits: ConnectionLimits & {
    /** The time without a message of the client after which it gets a ping. */
    readonly heartbeatMs: number;
  };
}

/** Adds `GET /v1/socket`. */
export function addSocket(
  app: OpenAPIHono<AppEnv>,
  host: SocketHost,
  { traffic, sockets, corsOrigins, shown, removalOf, limits }: SocketOptions,
): void {
  const cors = new Cors(corsOrigins);
  app.openapi(route, (c) => {
    const request = c.req.raw;
    const requestId = c.get("requestId");
    const { protocol } = checkHandshake(request.headers);
    checkSocketOrigin(request, cors);
    sockets.check();
    // The runtime forgets the address once the connection is upgraded.
    const remote = addressOf(c.env);
    const removal = removalOf(request.headers);
    const { socket, response } = Deno.upgradeWebSocket(request, {
      // The runtime sends a ping after half of this time, and gives up after the other half.
      idleTimeout: 2 * limits.heartbeatMs / 1_000,
      ...(protocol === undefined ? {} : { protocol }),
    });
    sockets.add(
      new Connection(socket, {
        host,
        traffic,
        requestId,
        limits,
        shown,
        removal,
        onFailure: (error, called) =>
          logStreamFailure({ method: "GET", path: PATH, remote, requestId, called, error, shown }),
      }),
    );
    return response;
  });
}
