// Generated from proto/ by `deno task gen`; do not edit.
import type { Reader, Writer } from "protobufjs/minimal.js";

export interface Codec<Message, Init> {
  encode(message: Init, writer?: Writer): Writer;
  decode(reader: Reader | Uint8Array, length?: number): Message;
}

export interface Error {
  code: string;
  message: string;
  python?: PythonException | null;
  issues: FieldIssue[];
}
export interface ErrorInit {
  code?: string | null;
  message?: string | null;
  python?: PythonExceptionInit | null;
  issues?: FieldIssueInit[] | null;
}

export interface PythonException {
  type: string;
  message: string;
  traceback: string;
  host?: HostCause | null;
}
export interface PythonExceptionInit {
  type?: string | null;
  message?: string | null;
  traceback?: string | null;
  host?: HostCauseInit | null;
}

export interface HostCause {
  code: string;
  tool: string;
}
export interface HostCauseInit {
  code?: string | null;
  tool?: string | null;
}

export interface FieldIssue {
  path: string;
  message: string;
}
export interface FieldIssueInit {
  path?: string | null;
  message?: string | null;
}

export interface HostError {
  code: string;
  message: string;
  details: string;
  retryable: boolean;
}
export interface HostErrorInit {
  code?: string | null;
  message?: string | null;
  details?: string | null;
  retryable?: boolean | null;
}

export interface Value {
  json: Uint8Array;
  tagged: boolean;
  buffers: Uint8Array[];
  shared: SharedBuffer[];
}
export interface ValueInit {
  json?: Uint8Array | null;
  tagged?: boolean | null;
  buffers?: Uint8Array[] | null;
  shared?: SharedBufferInit[] | null;
}

export interface SharedBuffer {
  index: number;
  offset: number;
  length: number;
}
export interface SharedBufferInit {
  index?: number | null;
  offset?: number | null;
  length?: number | null;
}

export interface WorkerFrame {
  messages: WorkerMessage[];
}
export interface WorkerFrameInit {
  messages?: WorkerMessageInit[] | null;
}

export interface HostFrame {
  messages: HostMessage[];
}
export interface HostFrameInit {
  messages?: HostMessageInit[] | null;
}

export interface WorkerMessage {
  body?: "hello" | "ready" | "startFailed" | "result" | "failure" | "chunk" | "progress" | "pong" | "log" | "recalled" | "release" | "leaving" | "imported" | "ask" | "printed" | "loopBlocked";
  hello?: Hello | null;
  ready?: Ready | null;
  startFailed?: StartFailed | null;
  result?: Result | null;
  failure?: Failure | null;
  chunk?: Chunk | null;
  progress?: Progress | null;
  pong?: Pong | null;
  log?: Log | null;
  recalled?: Recalled | null;
  release?: Release | null;
  leaving?: Leaving | null;
  imported?: Imported | null;
  ask?: Ask | null;
  printed?: Printed | null;
  loopBlocked?: LoopBlocked | null;
}
export interface WorkerMessageInit {
  hello?: HelloInit | null;
  ready?: ReadyInit | null;
  startFailed?: StartFailedInit | null;
  result?: ResultInit | null;
  failure?: FailureInit | null;
  chunk?: ChunkInit | null;
  progress?: ProgressInit | null;
  pong?: PongInit | null;
  log?: LogInit | null;
  recalled?: RecalledInit | null;
  release?: ReleaseInit | null;
  leaving?: LeavingInit | null;
  imported?: ImportedInit | null;
  ask?: AskInit | null;
  printed?: PrintedInit | null;
  loopBlocked?: LoopBlockedInit | null;
}

export interface HostMessage {
  body?: "welcome" | "refused" | "call" | "cancel" | "credit" | "ping" | "stop" | "recall" | "release" | "answer" | "sessionsEnded";
  welcome?: Welcome | null;
  refused?: Refused | null;
  call?: Call | null;
  cancel?: Cancel | null;
  credit?: Credit | null;
  ping?: Ping | null;
  stop?: Stop | null;
  recall?: Recall | null;
  release?: Release | null;
  answer?: Answer | null;
  sessionsEnded?: SessionsEnded | null;
}
export interface HostMessageInit {
  welcome?: WelcomeInit | null;
  refused?: RefusedInit | null;
  call?: CallInit | null;
  cancel?: CancelInit | null;
  credit?: CreditInit | null;
  ping?: PingInit | null;
  stop?: StopInit | null;
  recall?: RecallInit | null;
  release?: ReleaseInit | null;
  answer?: AnswerInit | null;
  sessionsEnded?: SessionsEndedInit | null;
}

export interface Hello {
  protocolVersion: number;
  workerId: string;
  token: string;
  pid: number;
  pythonVersion: string;
  packageVersion: string;
  device: string;
}
export interface HelloInit {
  protocolVersion?: number | null;
  workerId?: string | null;
  token?: string | null;
  pid?: number | null;
  pythonVersion?: string | null;
  packageVersion?: string | null;
  device?: string | null;
}

export interface Welcome {
  adapters: string[];
  modulePaths: string[];
  logLevel: string;
  maxResultBytes: number;
  maxDepth: number;
  progressPath: string;
  sharedMemory?: SharedMemory | null;
  limits?: Limits | null;
  profile: string;
  expose: string[];
  callPrefix: string;
  maxListItems: number;
  capacity: number;
  blockedLoopMs: number;
}
export interface WelcomeInit {
  adapters?: string[] | null;
  modulePaths?: string[] | null;
  logLevel?: string | null;
  maxResultBytes?: number | null;
  maxDepth?: number | null;
  progressPath?: string | null;
  sharedMemory?: SharedMemoryInit | null;
  limits?: LimitsInit | null;
  profile?: string | null;
  expose?: string[] | null;
  callPrefix?: string | null;
  maxListItems?: number | null;
  capacity?: number | null;
  blockedLoopMs?: number | null;
}

export interface Limits {
  memoryBytes: number;
  dataBytes: number;
  openFiles: number;
  cpuSeconds: number;
  nice: number;
}
export interface LimitsInit {
  memoryBytes?: number | null;
  dataBytes?: number | null;
  openFiles?: number | null;
  cpuSeconds?: number | null;
  nice?: number | null;
}

export interface SharedMemory {
  toWorkerPath: string;
  toHostPath: string;
  bytes: number;
  minBytes: number;
}
export interface SharedMemoryInit {
  toWorkerPath?: string | null;
  toHostPath?: string | null;
  bytes?: number | null;
  minBytes?: number | null;
}

export interface Refused {
  error?: Error | null;
}
export interface RefusedInit {
  error?: ErrorInit | null;
}

export interface Ready {
  tools: Tool[];
  notesProgress: boolean;
  mapsSharedMemory: boolean;
  deviceUses: DeviceUse[];
  notesItems: boolean;
  runsWithoutGil: boolean;
}
export interface ReadyInit {
  tools?: ToolInit[] | null;
  notesProgress?: boolean | null;
  mapsSharedMemory?: boolean | null;
  deviceUses?: DeviceUseInit[] | null;
  notesItems?: boolean | null;
  runsWithoutGil?: boolean | null;
}

export interface DeviceUse {
  framework: string;
  version: string;
  state: string;
  text: string;
  memoryBytes: number;
}
export interface DeviceUseInit {
  framework?: string | null;
  version?: string | null;
  state?: string | null;
  text?: string | null;
  memoryBytes?: number | null;
}

export interface Imported {
  path: string;
}
export interface ImportedInit {
  path?: string | null;
}

export interface LoopBlocked {
  tool: string;
  blockedMs: number;
  isOver: boolean;
  stack: string;
}
export interface LoopBlockedInit {
  tool?: string | null;
  blockedMs?: number | null;
  isOver?: boolean | null;
  stack?: string | null;
}

export interface Tool {
  name: string;
  description: string;
  inputSchema: string;
  outputSchema: string;
  streams: boolean;
  idempotent: boolean;
  timeoutMs: number;
  mediaType: string;
  stallTimeoutMs: number;
}
export interface ToolInit {
  name?: string | null;
  description?: string | null;
  inputSchema?: string | null;
  outputSchema?: string | null;
  streams?: boolean | null;
  idempotent?: boolean | null;
  timeoutMs?: number | null;
  mediaType?: string | null;
  stallTimeoutMs?: number | null;
}

export interface StartFailed {
  error?: Error | null;
}
export interface StartFailedInit {
  error?: ErrorInit | null;
}

export interface Stop {
}
export interface StopInit {
}

export interface Leaving {
  reason: string;
}
export interface LeavingInit {
  reason?: string | null;
}

export interface Ping {
  id: number;
}
export interface PingInit {
  id?: number | null;
}

export interface Pong {
  id: number;
  rssBytes: number;
}
export interface PongInit {
  id?: number | null;
  rssBytes?: number | null;
}

export interface Log {
  level: number;
  logger: string;
  message: string;
  time: number;
  callId: number;
  dropped: number;
}
export interface LogInit {
  level?: number | null;
  logger?: string | null;
  message?: string | null;
  time?: number | null;
  callId?: number | null;
  dropped?: number | null;
}

export interface SessionsEnded {
  lives: string[];
}
export interface SessionsEndedInit {
  lives?: string[] | null;
}

export interface Call {
  id: number;
  tool: string;
  args?: Value | null;
  timeoutMs: number;
  stream: boolean;
  windowBytes: number;
  sessionId: string;
  requestId: string;
  number: number;
  arrays: number;
  bulk: boolean;
  taggedItems: number[];
  itemBuffers: number[];
  keepsOutput: boolean;
}
export interface CallInit {
  id?: number | null;
  tool?: string | null;
  args?: ValueInit | null;
  timeoutMs?: number | null;
  stream?: boolean | null;
  windowBytes?: number | null;
  sessionId?: string | null;
  requestId?: string | null;
  number?: number | null;
  arrays?: number | null;
  bulk?: boolean | null;
  taggedItems?: number[] | null;
  itemBuffers?: number[] | null;
  keepsOutput?: boolean | null;
}

export interface Cancel {
  id: number;
}
export interface CancelInit {
  id?: number | null;
}

export interface Recall {
}
export interface RecallInit {
}

export interface Recalled {
  ids: number[];
}
export interface RecalledInit {
  ids?: number[] | null;
}

export interface Release {
  offsets: number[];
}
export interface ReleaseInit {
  offsets?: number[] | null;
}

export interface Credit {
  id: number;
  bytes: number;
}
export interface CreditInit {
  id?: number | null;
  bytes?: number | null;
}

export interface Result {
  id: number;
  value?: Value | null;
  runMs: number;
}
export interface ResultInit {
  id?: number | null;
  value?: ValueInit | null;
  runMs?: number | null;
}

export interface Failure {
  id: number;
  error?: Error | null;
  runMs: number;
}
export interface FailureInit {
  id?: number | null;
  error?: ErrorInit | null;
  runMs?: number | null;
}

export interface Printed {
  id: number;
  pipes: number;
}
export interface PrintedInit {
  id?: number | null;
  pipes?: number | null;
}

export interface Chunk {
  id: number;
  value?: Value | null;
}
export interface ChunkInit {
  id?: number | null;
  value?: ValueInit | null;
}

export interface Progress {
  id: number;
  value?: Value | null;
}
export interface ProgressInit {
  id?: number | null;
  value?: ValueInit | null;
}

export interface Ask {
  id: number;
  callId: number;
  method: string;
  args?: Value | null;
}
export interface AskInit {
  id?: number | null;
  callId?: number | null;
  method?: string | null;
  args?: ValueInit | null;
}

export interface Answer {
  id: number;
  value?: Value | null;
  error?: HostError | null;
}
export interface AnswerInit {
  id?: number | null;
  value?: ValueInit | null;
  error?: HostErrorInit | null;
}

export declare const snakeden: {
  v1: {
    Error: Codec<Error, ErrorInit>;
    PythonException: Codec<PythonException, PythonExceptionInit>;
    HostCause: Codec<HostCause, HostCauseInit>;
    FieldIssue: Codec<FieldIssue, FieldIssueInit>;
    HostError: Codec<HostError, HostErrorInit>;
    Value: Codec<Value, ValueInit>;
    SharedBuffer: Codec<SharedBuffer, SharedBufferInit>;
    WorkerFrame: Codec<WorkerFrame, WorkerFrameInit>;
    HostFrame: Codec<HostFrame, HostFrameInit>;
    WorkerMessage: Codec<WorkerMessage, WorkerMessageInit>;
    HostMessage: Codec<HostMessage, HostMessageInit>;
    Hello: Codec<Hello, HelloInit>;
    Welcome: Codec<Welcome, WelcomeInit>;
    Limits: Codec<Limits, LimitsInit>;
    SharedMemory: Codec<SharedMemory, SharedMemoryInit>;
    Refused: Codec<Refused, RefusedInit>;
    Ready: Codec<Ready, ReadyInit>;
    DeviceUse: Codec<DeviceUse, DeviceUseInit>;
    Imported: Codec<Imported, ImportedInit>;
    LoopBlocked: Codec<LoopBlocked, LoopBlockedInit>;
    Tool: Codec<Tool, ToolInit>;
    StartFailed: Codec<StartFailed, StartFailedInit>;
    Stop: Codec<Stop, StopInit>;
    Leaving: Codec<Leaving, LeavingInit>;
    Ping: Codec<Ping, PingInit>;
    Pong: Codec<Pong, PongInit>;
    Log: Codec<Log, LogInit>;
    SessionsEnded: Codec<SessionsEnded, SessionsEndedInit>;
    Call: Codec<Call, CallInit>;
    Cancel: Codec<Cancel, CancelInit>;
    Recall: Codec<Recall, RecallInit>;
    Recalled: Codec<Recalled, RecalledInit>;
    Release: Codec<Release, ReleaseInit>;
    Credit: Codec<Credit, CreditInit>;
    Result: Codec<Result, ResultInit>;
    Failure: Codec<Failure, FailureInit>;
    Printed: Codec<Printed, PrintedInit>;
    Chunk: Codec<Chunk, ChunkInit>;
    Progress: Codec<Progress, ProgressInit>;
    Ask: Codec<Ask, AskInit>;
    Answer: Codec<Answer, AnswerInit>;
  };
};
