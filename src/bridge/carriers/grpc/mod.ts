/**
 * The gRPC carrier: a link over one bidirectional stream ({@link GrpcListener}). It is loaded only
 * if a pool is configured for it, since grpc-js adds about 100 ms to a start.
 *
 * @module
 */
export { GrpcListener } from "./grpc_listener.ts";
