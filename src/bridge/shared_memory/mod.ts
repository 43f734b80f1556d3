/**
 * Large buffers that travel through memory shared with a worker instead of the link: a {@link Slab} for
 * each direction, and what places buffers in it and fetches them ({@link placeShared},
 * {@link fetchShared}).
 *
 * @module
 */
export { fetchShared, placeShared } from "./shared_buffers.ts";
export { Slab } from "./slab.ts";
