/**
 * Large buffers that travel through memory shared with a worker instead of over the link.
 * {@link Slab} is that memory; {@link placeShared} and {@link fetchShared} write buffers into it
 * and read them.
 *
 * @module
 */
export { fetchShared, placeShared } from "./shared_buffers.ts";
export { Slab } from "./slab.ts";
