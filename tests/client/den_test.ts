/**
 * Types of the client and the library, which must not drift apart. Everything here is checked by
 * the compiler: a line that does not compile names the type that differs.
 */
import assert from "node:assert/strict";
import type * as library from "../../mod.ts";
import type * as client from "../../src/client/mod.ts";
import type * as jobs from "../../src/jobs/mod.ts";
import type { JobError, JobExit, JobState } from "../../src/store/mod.ts";

/** True if two types have the same fields, with types that fit each other in both directions. */
type Same<A, B> = [A] extends [B]
  ? [B] extends [A] ? [keyof A] extends [keyof B] ? [keyof B] extends [keyof A] ? true : false
    : false
  : false
  : false;

/** Does not compile unless its argument is true. */
type Holds<T extends true> = T;

/** The common part. Both assignments compile only if both classes have all of it. */
type Both = [
  Holds<library.Snakeden extends client.Den ? true : false>,
  Holds<client.SnakedenClient extends client.Den ? true : false>,
  Holds<jobs.Jobs extends client.DenJobs ? true : false>,
  Holds<jobs.Queues extends client.DenQueues ? true : false>,
  Holds<jobs.JobHandle extends client.DenJobHandle ? true : false>,
  Holds<library.Files extends client.DenFiles ? true : false>,
  // Those that only the host itself uses.
  Holds<
    Exclude<keyof library.Files, keyof client.DenFiles | "link" | "pin" | "read" | "store"> extends
      never ? true : false
  >,
  // The client has every method of the library but those of the host itself.
  Holds<keyof client.DenJobs extends keyof jobs.Jobs ? true : false>,
  Holds<
    Exclude<
      keyof jobs.Jobs,
      | keyof client.DenJobs
      | "encoded"
      | "logParts"
      | "outputs"
      | "storedResult"
      | "submission"
      | "submissions"
      | "submitAll"
      | "tokens"
    > extends never ? true : false
  >,
  Holds<Same<keyof jobs.Queues, keyof client.DenQueues>>,
  Holds<Same<keyof jobs.JobHandle, keyof client.DenJobHandle>>,
];

/** The plain records of both, one by one. */
type Records = [
  Holds<Same<library.CallOptions, client.CallOptions>>,
  Holds<Same<library.MapOptions, client.MapOptions>>,
  Holds<Same<library.MapOutcome, client.MapOutcome>>,
  Holds<Same<library.ToolInfo, client.ToolInfo>>,
  Holds<Same<library.PoolInfo, client.PoolInfo>>,
  Holds<Same<library.PoolStats, client.PoolStats>>,
  Holds<Same<library.CrashStats, client.CrashStats>>,
  Holds<Same<library.QuarantinedSlot, client.QuarantinedSlot>>,
  Holds<Same<library.UnhealthyDevice, client.UnhealthyDevice>>,
  Holds<Same<library.ReloadInfo, client.ReloadInfo>>,
  Holds<Same<library.CircuitInfo, client.CircuitInfo>>,
  Holds<Same<library.PoliciesInfo, client.PoliciesInfo>>,
  Holds<Same<library.RecycleRequest, client.RecycleRequest>>,
  Holds<Same<library.WorkerInfo, client.WorkerInfo>>,
  Holds<Same<library.WorkerDevice, client.WorkerDevice>>,
  Holds<Same<library.DeviceUse, client.DeviceUse>>,
  Holds<Same<library.Readiness, client.Readiness>>,
  Holds<Same<library.PoolReadiness, client.PoolReadiness>>,
  Holds<Same<library.DeviceReadiness, client.DeviceReadiness>>,
  Holds<Same<library.WaitOptions, client.WaitOptions>>,
  Holds<Same<library.LogLine, client.LogLine>>,
  Holds<Same<library.JobLogsOptions, client.JobLogsOptions>>,
  Holds<Same<library.HardwareInfo, client.HardwareInfo>>,
  Holds<Same<library.CpuInfo, client.CpuInfo>>,
  Holds<Same<library.MemoryInfo, client.MemoryInfo>>,
  Holds<Same<library.Device, client.Device>>,
  Holds<Same<library.HardwareProblem, client.HardwareProblem>>,
  Holds<Same<library.SessionInfo, client.SessionInfo>>,
  Holds<Same<library.BoundWorker, client.BoundWorker>>,
  Holds<Same<library.OpenOptions, client.OpenOptions>>,
  Holds<Same<library.UpdateOptions, client.UpdateOptions>>,
  Holds<Same<library.ListOptions, client.ListOptions>>,
  Holds<Same<library.ListPage<string>, client.ListPage<string>>>,
  Holds<Same<library.Constraints, client.Constraints>>,
  Holds<Same<library.VariableType, client.VariableType>>,
  Holds<Same<library.VariableInfo, client.VariableInfo>>,
  Holds<Same<library.Variable<string>, client.Variable<string>>>,
  Holds<Same<library.ListedVariable, client.ListedVariable>>,
  Holds<Same<library.SetOptions, client.SetOptions>>,
  Holds<Same<library.SetResult, client.SetResult>>,
  Holds<Same<library.VariableToSet, client.VariableToSet>>,
  Holds<Same<library.VariableChange, client.VariableChange>>,
  Holds<Same<library.ChangeOptions, client.ChangeOptions>>,
  // The library also takes arguments that are encoded already.
  Holds<Same<Omit<library.ProgramToPut, "args">, Omit<client.ProgramToPut, "args">>>,
  Holds<Same<library.ProgramCall, client.ProgramCall>>,
  Holds<Same<library.ProgramInfo, client.ProgramInfo>>,
  Holds<Same<library.PutProgram, client.PutProgram>>,
  Holds<Same<library.Program, client.Program>>,
  Holds<Same<library.ProgramWriteOptions, client.ProgramWriteOptions>>,
  Holds<Same<jobs.Job, client.Job>>,
  Holds<Same<jobs.JobAttempt, client.JobAttempt>>,
  Holds<Same<jobs.JobChoice, client.JobChoice>>,
  Holds<Same<jobs.JobEvent, client.JobEvent>>,
  Holds<Same<jobs.JobEventsOptions, client.JobEventsOptions>>,
  Holds<Same<jobs.BatchJob, client.BatchJob>>,
  Holds<Same<jobs.BatchResult, client.BatchResult>>,
  Holds<Same<jobs.BatchResultsOptions, client.BatchResultsOptions>>,
  Holds<Same<jobs.JobItems, client.JobItems>>,
  Holds<Same<jobs.JobInput, client.JobInput>>,
  Holds<Same<jobs.JobListOptions, client.JobListOptions>>,
  Holds<Same<jobs.JobOptions, client.JobOptions>>,
  Holds<Same<jobs.JobPage, client.JobPage>>,
  Holds<Same<jobs.JobRetry, client.JobRetry>>,
  Holds<Same<jobs.CancelJobOptions, client.CancelJobOptions>>,
  Holds<Same<jobs.ManyOutcome, client.ManyOutcome>>,
  Holds<Same<jobs.Queue, client.Queue>>,
  Holds<Same<jobs.QueueUpdate, client.QueueUpdate>>,
  // In the library an outcome has the job as well.
  Holds<Same<Pick<jobs.ManySubmitOutcome, "id" | "answer">, client.SubmittedJob>>,
  Holds<Same<jobs.SubmitJobOptions, client.SubmitJobOptions>>,
  Holds<Same<jobs.WaitingFor, client.WaitingFor>>,
  Holds<Same<jobs.WaitOptions, client.WaitOptions>>,
  Holds<Same<library.AddFileOptions, client.AddFileOptions>>,
  Holds<Same<library.FileInfo, client.FileInfo>>,
  Holds<Same<library.FileListOptions, client.FileListOptions>>,
  Holds<Same<library.FilePage, client.FilePage>>,
  Holds<Same<library.FileRange, client.FileRange>>,
  // In the library a file of the machine is a source as well.
  Holds<Same<Exclude<library.FileSource, { readonly path: string }>, client.FileBody>>,
  Holds<Same<JobError, client.JobError>>,
  Holds<Same<JobExit, client.JobExit>>,
  Holds<Same<JobState, client.JobState>>,
  // Over HTTP a call has no time inside the tool.
  Holds<Same<Omit<library.CallOutcome, "runMs" | "value">, Omit<client.CallOutcome, "value">>>,
];

Deno.test("the types of the client are those of the library, as the compiler has checked", () => {
  const compared: [Both["length"], Records["length"]] = [11, 81];
  assert.ok(compared.every((it) => it > 0));
});
