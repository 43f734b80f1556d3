/**
 * New code in a running host. {@link openReload} follows the code of the pools and, with `dev`,
 * watches their files: a `CodeWatcher` reports which files have changed, and a `Reloader` reloads
 * the pools that they belong to. How a pool replaces its workers is up to the pool itself. A
 * {@link ConfigWatch} reports edits of the configuration, for which the server starts anew.
 *
 * @module
 */
export {
  type CodeFolders,
  findCodeFolders,
  type FolderLimits,
  isCode,
  isForeign,
} from "./code_folders.ts";
export { ConfigWatch } from "./config_watch.ts";
export { openReload, type ReloadDeps, type ServedPool, untilReady } from "./open_reload.ts";
