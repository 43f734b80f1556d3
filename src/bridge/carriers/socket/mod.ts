/**
 * The socket carrier, the default: a link over a Unix domain socket with length-prefixed frames
 * ({@link SocketListener}).
 *
 * @module
 */
export { SocketListener } from "./socket_listener.ts";
