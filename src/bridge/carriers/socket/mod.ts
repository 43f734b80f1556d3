/**
 * The socket carrier, the default: a link over a Unix domain socket with length-prefixed frames
 * ({@link SocketDoor}).
 *
 * @module
 */
export { SocketDoor } from "./socket_door.ts";
