/**
 * Snakeden as a library: pools of warm, supervised Python workers inside a Deno program.
 *
 * @example
 * ```ts
 * import { Snakeden } from "snakeden";
 *
 * await using den = await Snakeden.start({ pools: [{ name: "default", size: 2 }] });
 * const sum = await den.execute<number>("add", { a: 2, b: 3 });
 * for await (const chunk of den.stream<number>("counter", { n: 3 })) console.log(sum, chunk);
 * ```
 *
 * @module
 */
export {
  type ArrayData,
  type DType,
  isUnserializable,
  NdArray,
  type Unserializable,
  Value,
  type WriteOptions,
} from "./src/bridge/mod.ts";
export {
  type Args,
  type BoundWorker,
  type CallOptions,
  type FoundCall,
  ToolStream,
} from "./src/calls/mod.ts";
export {
  type AnyHostTool,
  type Config,
  type ConfigInput,
  defineConfig,
  loadConfig,
  type LoadConfigOptions,
  type PoolConfig,
  type SizedConfig,
  type SizedPoolConfig,
} from "./src/config/mod.ts";
export {
  type CallStage,
  DeadlineExceededError,
  type ErrorCode,
  type FieldIssue,
  InvalidInputError,
  LimitExceededError,
  PythonError,
  type PythonExceptionInfo,
  SnakedenError,
  WorkerCrashedError,
  type WorkerExit,
} from "./src/errors.ts";
export {
  configureLogging,
  type Level,
  type LogEntry,
  type LogFormat,
  type LoggingOptions,
  type LogHandle,
  type LogStream,
} from "./src/log.ts";
export { MapResults } from "./src/map/mod.ts";
export type { ExecuteManyOptions, MapOptions, MapOutcome } from "./src/map/mod.ts";
export type {
  AffinityMode,
  ArrayForm,
  BlockedTool,
  CallOutcome,
  CircuitInfo,
  CircuitState,
  Crash,
  CrashKind,
  CrashRecord,
  CrashStats,
  DeviceReadiness,
  DeviceUse,
  Health,
  PoliciesInfo,
  PoolInfo,
  PoolReadiness,
  Pools,
  PoolState,
  PoolStats,
  QuarantinedSlot,
  Readiness,
  RecycleRequest,
  Recycling,
  ReloadInfo,
  ReloadState,
  ReplaceCode,
  StreamEvent,
  UnhealthyDevice,
  WaitOptions,
  WhenBusy,
  WorkerDevice,
  WorkerInfo,
  WorkerList,
  WorkerState,
  WorkerWarning,
} from "./src/pool/mod.ts";
export type {
  CpuInfo,
  DetectOptions,
  Device,
  DeviceKind,
  Hardware,
  HardwareInfo,
  HardwareProblem,
  MemoryInfo,
  SelectOptions,
} from "./src/hardware/mod.ts";
export type {
  AddFileOptions,
  FileInfo,
  FileListOptions,
  FilePage,
  FileRange,
  Files,
  FileSource,
} from "./src/files/mod.ts";
export type { HostStoreReport, StartOptions, StoreStatus } from "./src/host/mod.ts";
export type {
  BatchJob,
  BatchResult,
  BatchResultsOptions,
  CallJob,
  CancelJobOptions,
  CancelManyOptions,
  CommandJob,
  Job,
  JobAttempt,
  JobChoice,
  JobEvent,
  JobEventsOptions,
  JobHandle,
  JobInput,
  JobItems,
  JobListOptions,
  JobLogsOptions,
  JobOptions,
  JobPage,
  JobRetry,
  Jobs,
  LogLine,
  ManyOutcome,
  ManySubmitOutcome,
  ProgramOptions,
  Queue,
  Queues,
  QueueUpdate,
  RetryManyOptions,
  ScriptJob,
  ScriptPermissions,
  SubmitJobOptions,
  SubmitOutcome,
  WaitingFor,
  WaitOptions as JobWaitOptions,
} from "./src/jobs/mod.ts";
export { type Artifacts, artifacts, connect, progress, result } from "./src/scripting/mod.ts";
export {
  type CleanupResult,
  type ExitMode,
  runAsScript,
  type ScriptContext,
  type ScriptOptions,
  type ShutdownEvent,
  type StopMode,
} from "./src/script/mod.ts";
export type {
  ChangeOptions,
  Constraints,
  FoundProgram,
  ListedVariable,
  ListOptions,
  ListPage,
  OpenedSession,
  OpenOptions,
  Program,
  ProgramCall,
  ProgramInfo,
  Programs,
  ProgramToPut,
  ProgramWriteOptions,
  PutProgram,
  ResolvedCall,
  Session,
  SessionInfo,
  Sessions,
  SessionStats,
  SetOptions,
  SetResult,
  StoredProgram,
  StoredVariable,
  UpdateOptions,
  Variable,
  VariableChange,
  VariableInfo,
  Variables,
  VariableToSet,
  VariableType,
} from "./src/sessions/mod.ts";
export { Snakeden, type SnakedenOptions } from "./src/snakeden.ts";
export type { JsonObject, MovedAside, ProcessRow, SetAside, StoreReport } from "./src/store/mod.ts";
export {
  type AnyInput,
  defineTool,
  type HostToolCall,
  type HostToolDefinition,
  type HostToolResult,
  type LearnOptions,
  type NestedArgs,
  type NestedCallOptions,
  type NestedStream,
  type RegisterOptions,
  type Registration,
  type ToolInfo,
  type Tools,
  type ToolsOptions,
} from "./src/tools/mod.ts";
export { type DescribedTool, hostToolStubs, toolTypes } from "./src/types_gen/mod.ts";
