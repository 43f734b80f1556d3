import { InvalidInputError } from "../../errors.ts";
import type { Host, Reply, Transport } from "../http/mod.ts";
import type {
  AddFileOptions,
  DenFiles,
  FileBody,
  FileInfo,
  FileListOptions,
  FilePage,
  FileRange,
} from "../shapes/mod.ts";
import { readyBody } from "./file_body.ts";
import { fileStream } from "./file_stream.ts";

const FILES = "/v1/files";

/** Files of a host, for the arguments of calls and jobs. */
export class Files implements DenFiles {
  readonly #transport: Transport;

  /** Programs get theirs from {@link SnakedenClient.files}. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Adds a file. It is durable when this resolves; if its source breaks off, nothing is left. There
   * is no time limit but that of the signal.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong, such as `sha256` if
   * the bytes have another hash; `file_too_large`; `file_quota_exceeded`; `server_busy`;
   * `store_failed`; `connection_lost`. An error of the source is thrown as it is.
   */
  async add(source: FileBody, options: AddFileOptions = {}): Promise<FileInfo> {
    return (await sendFile(this.#transport, source, options)).file;
  }

  /**
   * Returns a file.
   *
   * @throws {SnakedenError} `unknown_file`.
   */
  async get(id: string): Promise<FileInfo> {
    return await fileIn(await this.#transport.send({ path: pathOf(id) }));
  }

  /**
   * Lists files, the last added first.
   *
   * @throws {SnakedenError} `invalid_input` naming every field that is wrong.
   */
  async list(options: FileListOptions = {}): Promise<FilePage> {
    const reply = await this.#transport.send({ path: FILES, query: { ...options } });
    return await filesIn(reply, "files");
  }

  /**
   * Returns the bytes of a file, or those of a part of it. If the connection breaks, the download
   * goes on where it was. The caller reads the stream to its end, or cancels it.
   *
   * @throws {SnakedenError} `unknown_file`; `invalid_input` for a range that is not in the file.
   */
  async open(id: string, range?: FileRange): Promise<ReadableStream<Uint8Array>> {
    const path = pathOf(id);
    const reply = await this.#transport.send({ path });
    const { host } = reply;
    const file = await fileIn(reply);
    const { start, end } = range ?? { start: 0, end: file.bytes };
    const isIn = Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start &&
      start <= end && end <= file.bytes;
    if (!isIn) throw outside(file, { start, end });
    return fileStream({ transport: this.#transport, host, path, file }, { start, end });
  }

  /**
   * Removes a file.
   *
   * @throws {SnakedenError} `unknown_file`; `file_in_use` while a job that is kept names it, or a
   * call that runs.
   */
  async remove(id: string): Promise<void> {
    const reply = await this.#transport.send({ method: "DELETE", path: pathOf(id) });
    await reply.text();
  }
}

/** Adds a file, like {@link Files.add}; returns it with its host. */
export async function sendFile(
  requests: Pick<Transport, "send">,
  source: FileBody,
  options: AddFileOptions,
): Promise<{ readonly file: FileInfo; readonly host: Host }> {
  const { signal, mediaType = typeOf(source), name = nameOf(source), ttlMs, sha256 } = options;
  const ready = await readyBody(source, signal);
  const reply = await requests.send({
    method: "PUT",
    path: FILES,
    query: { name, ttlMs, sha256 },
    headers: { "content-type": mediaType ?? "application/octet-stream" },
    ...ready,
    signal,
    timeoutMs: null,
  });
  return { file: await fileIn(reply), host: reply.host };
}

/** Reads a page of files, which stand in a field of the answer. */
export async function filesIn(reply: Reply, field: "files" | "artifacts"): Promise<FilePage> {
  const { [field]: items = [], cursor } = await reply.json<
    { readonly [it in typeof field]?: readonly FileInfo[] } & { readonly cursor?: string }
  >({ [field]: "objects" });
  return { items, ...(cursor === undefined ? {} : { cursor }) };
}

async function fileIn(reply: Reply): Promise<FileInfo> {
  return await reply.json<FileInfo>({ id: "text", name: "text", bytes: "number", sha256: "text" });
}

/** Another text would be another path; `.` is one that no file has. */
function pathOf(id: string): string {
  const text = String(id);
  return `${FILES}/${/^\.{0,2}$/.test(text) ? "%20" : encodeURIComponent(text)}`;
}

function typeOf(source: FileBody): string | undefined {
  return source instanceof Blob && source.type !== "" ? source.type : undefined;
}

function nameOf(source: FileBody): string | undefined {
  if (!(source instanceof Blob) || !("name" in source)) return undefined;
  return typeof source.name === "string" && source.name !== "" ? source.name : undefined;
}

function outside({ bytes }: FileInfo, { start, end }: FileRange): InvalidInputError {
  const message = `given ${start} to ${end}; allowed: from 0 to ${bytes}`;
  return new InvalidInputError(`Cannot read the file: range: ${message}`, [
    { path: "range", message },
  ]);
}
