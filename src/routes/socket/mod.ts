/**
 * `GET /v1/socket`: many calls on one WebSocket, in both directions. handshake.ts and
 * {@link addSocket} open it. connection.ts reads messages (frame_fields.ts, frames.ts,
 * pending_buffers.ts) and has a socket_call.ts for each call, whose items wait in an
 * input_queue.ts. outlet.ts sends, and waits for slow clients. {@link OpenSockets} bounds and
 * closes them all.
 *
 * @module
 */
export { OpenSockets, type SocketLimits } from "./open_sockets.ts";
export { addSocket, type SocketOptions } from "./socket.ts";
export type { SocketHost } from "./socket_call.ts";
