/**
 * What a process owes to the system that it runs on and shares with others.
 *
 * - {@link StopSignals}: one request to stop, however many signals carry it; a later one ends the process at once.
 * - {@link isDenoFirst}: whether nobody reaps orphans here.
 * - {@link makePrivateDirectory} and what goes with it: directories that no other user of the machine can enter or exchange.
 */
export { isDenoFirst, NEEDS_INIT } from "./first_process.ts";
export { isExposed, isOurs, lstatIfThere, makePrivateDirectory, ownUid } from "./private_path.ts";
export { StopSignals } from "./stop_signals.ts";
