/** The variables that a host reads. docs/configuration.md says what each one means. */
export const HOST_ENV = {
  config: "SNAKEDEN_CONFIG",
  configJson: "SNAKEDEN_CONFIG_JSON",
  host: "SNAKEDEN_HOST",
  port: "SNAKEDEN_PORT",
  dataDir: "SNAKEDEN_DATA_DIR",
  apiKey: "SNAKEDEN_API_KEY",
  apiKeyFile: "SNAKEDEN_API_KEY_FILE",
  python: "SNAKEDEN_PYTHON",
  logLevel: "SNAKEDEN_LOG_LEVEL",
  logFormat: "SNAKEDEN_LOG_FORMAT",
  scriptExit: "SNAKEDEN_SCRIPT_EXIT",
  parent: "SNAKEDEN_PARENT",
  deno: "SNAKEDEN_DENO",
} as const;

/** The variables by which a program finds the host of another program. */
export const CLIENT_ENV = {
  /** The address of the host, such as `http://127.0.0.1:8000`. */
  url: "SNAKEDEN_URL",
} as const;

/** The variables that a host sets for each of its workers; worker.py reads them. */
export const WORKER_ENV = {
  address: "SNAKEDEN_ADDRESS",
  token: "SNAKEDEN_TOKEN",
  /**
   * Marks every process of a run, including children of tools, so that all of them can be found.
   */
  runId: "SNAKEDEN_RUN_ID",
  /** Marks every process of one program that the guard runs. */
  launchId: "SNAKEDEN_LAUNCH_ID",
  workerId: "SNAKEDEN_WORKER_ID",
  incarnation: "SNAKEDEN_INCARNATION",
  outputMark: "SNAKEDEN_OUTPUT_MARK",
  /** Set if the worker is alone with its wrapper in a process group that it does not lead. */
  ownGroup: "SNAKEDEN_OWN_GROUP",
  /** The device of the worker, as JSON; absent if its pool assigns none. */
  device: "SNAKEDEN_DEVICE",
  /** Set if the files of the worker are watched. */
  dev: "SNAKEDEN_DEV",
  /** Set for a process that forks workers: what it preloads, as JSON. */
  template: "SNAKEDEN_TEMPLATE",
  /** The path of the socket of such a process. */
  templateSocket: "SNAKEDEN_TEMPLATE_SOCKET",
  /** The `threadChecks` of the pool; absent in profiles that run one call at a time. */
  threadChecks: "SNAKEDEN_THREAD_CHECKS",
} as const;

/** The variables that a host sets for each program that runs as a job, besides `runId`. */
export const SCRIPT_ENV = {
  jobId: "SNAKEDEN_JOB_ID",
  attempt: "SNAKEDEN_ATTEMPT",
  /** The path of the file that takes the result, as JSON. */
  result: "SNAKEDEN_RESULT",
  /** The folder whose files are kept with the job. */
  artifacts: "SNAKEDEN_ARTIFACTS",
  /** The token of the attempt, for requests to the host that `url` names. Workers have another. */
  token: "SNAKEDEN_TOKEN",
} as const;

/**
 * The variables of the host that every program it starts may see: paths of programs and libraries,
 * home and temporary folders, certificates, and the locale. None is secret. Each kind of program
 * adds its own names to these.
 */
export const PROGRAM_ENV: readonly string[] = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "TMPDIR",
  "LANG",
  "LANGUAGE",
  "LC_ALL",
  "LC_CTYPE",
  "LD_LIBRARY_PATH",
  "DYLD_LIBRARY_PATH",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
];
