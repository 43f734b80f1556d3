/**
 * `POST /v1/map`: the lines of a body as items of a map ({@link MapLines}), and what came of them
 * as the lines of the response ({@link MapBody}).
 *
 * @module
 */
export { addMap, type MapRouteOptions, type MapSlice } from "./map.ts";
