/**
 * The gRPC carrier: a link over one bidirectional stream ({@link GrpcDoor}). It is loaded only if a
 * pool is configured for it, since grpc-js adds about 100 ms to every start.
 *
 * @module
 */
export { GrpcDoor } from "./grpc_door.ts";
