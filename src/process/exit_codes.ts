/** The exit statuses of a host. docs/configuration.md lists them. */
export const EXIT_CODES = {
  /** The host did its work, or stopped on request. */
  ok: 0,
  /** The host could not start, or failed. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The configuration is wrong; EX_CONFIG of sysexits.h. */
  config: 78,
} as const;

/** Returns the status of a process that ends because of a signal, as shells report it. */
export function signalExitCode(signalNumber: number): number {
  return 128 + signalNumber;
}
