/**
 * The template of a pool, from which its workers are forked. python/src/snakeden/_template is the
 * other side.
 *
 * - template.ts: {@link Template} starts the template when it is wanted, and anew when its code has
 *   changed or it has died.
 * - reaper.ts: one life of the process that starts templates, and tells how workers have ended.
 * - forked_workers.ts: the workers that it tells of. messages.ts: what is said.
 *
 * @module
 */
export { ForkError } from "./forked_workers.ts";
export type { TemplateSettings } from "./reaper.ts";
export { Template, type TemplateOptions } from "./template.ts";
