/**
 * Methods by which tools use the session of their call: {@link changeMethods} let them follow its
 * changes.
 *
 * @module
 */
export { changeMethods } from "./change_methods.ts";
