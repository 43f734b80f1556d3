/**
 * The gRPC carrier: a link over one bidirectional stream ({@link GrpcDoor}). Loaded only when a pool
 * asks for it, since grpc-js costs every start some 100 ms.
 *
 * @module
 */
export { GrpcDoor } from "./grpc_door.ts";
