/**
 * The commands of `pool`: {@link addPoolCommands} adds each with its options. pool_rows.ts and
 * worker_rows.ts write pools and workers, show.ts all that is known of a pool, change.ts and
 * workers.ts change them.
 *
 * @module
 */
export { addPoolCommands } from "./pool_commands.ts";
