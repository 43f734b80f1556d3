/**
 * The conduct of a process towards the system that it shares with others.
 *
 * - {@link StopSignals}: one request to stop, however many signals carry it; a later one ends the
 *   process at once.
 * - {@link lowestDescriptor}: finds out whether more files can be opened.
 * - {@link isDenoFirst}: finds out that nobody reaps orphans here.
 * - {@link makePrivateDirectory} and related functions: directories that no other user of the
 *   machine can enter or exchange.
 */
export { isOutOfDescriptors, lowestDescriptor } from "./descriptors.ts";
export { isDenoFirst, NEEDS_INIT } from "./first_process.ts";
export { isExposed, isOurs, lstatIfThere, makePrivateDirectory, ownUid } from "./private_path.ts";
export { StopSignals } from "./stop_signals.ts";
