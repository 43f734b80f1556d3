/**
 * Large buffers that travel through memory shared with a worker instead of over the link: a
 * {@link Slab} for each direction, and functions that place buffers in it and fetch them
 * ({@link placeShared}, {@link fetchShared}).
 *
 * @module
 */
export { fetchShared, placeShared } from "./shared_buffers.ts";
export { Slab } from "./slab.ts";
