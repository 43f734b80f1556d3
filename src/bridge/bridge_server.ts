import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { messageOf, SnakedenError } from "../errors.ts";
import { getLogger } from "../log.ts";
import { snakeden } from "./gen/link.js";
import type { Hello, HostFrameInit, WorkerFrame } from "./gen/link.js";
import { GrpcCarrier } from "./grpc_carrier.ts";
import { Link, type LinkEvents } from "./link.ts";

/** The version of proto/snakeden/v1/link.proto. Twin of link.py. */
export const PROTOCOL_VERSION = 1;

const { HostFrame: hostFrame, WorkerFrame: workerFrame } = snakeden.v1;

/** Time in which a stream has to say hello; a worker does at once, before it loads anything. */
const HELLO_TIMEOUT_MS = 10_000;

/** Everything travels on one bidirectional stream; proto/snakeden/v1/link.proto is the contract. */
const SERVICE: ServiceDefinition = {
  Attach: {
    path: "/snakeden.v1.Bridge/Attach",
    requestStream: true,
    responseStream: true,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => workerFrame.decode(bytes),
    responseSerialize: (frame: HostFrameInit) => asBuffer(hostFrame.encode(frame).finish()),
    responseDeserialize: () => undefined,
  },
};

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

interface Invitation {
  readonly workerId: string;
  readonly events: LinkEvents;
  readonly accept: (link: Link) => void;
  readonly refuse: (error: SnakedenError) => void;
}

/** The gRPC server on a Unix socket that workers dial. A worker gets in once, with the token it was started with. */
export class BridgeServer implements AsyncDisposable {
  readonly #log = getLogger("bridge");
  readonly #server: Server;
  readonly #invitations = new Map<string, Invitation>();
  readonly #socketPath: string;
  readonly #helloTimeoutMs: number;
  #stopped: Promise<void> | undefined;

  private constructor(socketPath: string, helloTimeoutMs: number) {
    this.#socketPath = socketPath;
    this.#helloTimeoutMs = helloTimeoutMs;
    this.#server = new Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
    });
    this.#server.addService(SERVICE, {
      Attach: (stream: ServerDuplexStream<WorkerFrame, HostFrameInit>) => this.#attach(stream),
    });
  }

  /**
   * Listens on a Unix socket; the directory has to exist and should be closed to others.
   *
   * @throws {SnakedenError} `startup_failed`.
   */
  static async listen(
    socketPath: string,
    { helloTimeoutMs = HELLO_TIMEOUT_MS }: { readonly helloTimeoutMs?: number } = {},
  ): Promise<BridgeServer> {
    const bridge = new BridgeServer(socketPath, helloTimeoutMs);
    await new Promise<void>((resolve, reject) => {
      bridge.#server.bindAsync(
        `unix:${socketPath}`,
        ServerCredentials.createInsecure(),
        (error) => {
          if (error === null) return resolve();
          reject(
            new SnakedenError(
              "startup_failed",
              `Cannot listen for workers on ${socketPath}: ${messageOf(error)}`,
              { cause: error },
            ),
          );
        },
      );
    });
    await Deno.chmod(socketPath, 0o600);
    return bridge;
  }

  /** What a worker dials. */
  get address(): string {
    return `unix:${this.#socketPath}`;
  }

  /**
   * Expects one worker. Resolves with its link when it has said hello with the token.
   *
   * @param signal Withdraws the invitation.
   * @throws {SnakedenError} `protocol_mismatch` when its hello was refused, `shutting_down` when the server is disposed, or
   * the reason of `signal`.
   */
  async invite(
    { workerId, token, events, signal }: {
      workerId: string;
      token: string;
      events: LinkEvents;
      signal: AbortSignal;
    },
  ): Promise<Link> {
    signal.throwIfAborted();
    if (this.#stopped !== undefined) throw shuttingDown();
    const { promise, resolve, reject } = Promise.withResolvers<Link>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#invitations.set(token, { workerId, events, accept: resolve, refuse: reject });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#invitations.delete(token);
    }
  }

  /** Ends every stream and removes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    for (const { refuse } of this.#invitations.values()) refuse(shuttingDown());
    // tryShutdown alone would wait for the streams; forceShutdown alone would leave the listener's handle open.
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.tryShutdown(() => resolve());
    this.#server.forceShutdown();
    await promise;
    await Deno.remove(this.#socketPath).catch((error: unknown) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  /** The first frame has to open with a hello; what else it holds goes to the link. */
  #attach(stream: ServerDuplexStream<WorkerFrame, HostFrameInit>): void {
    const carrier = new GrpcCarrier(stream);
    const late = `No hello came within ${this.#helloTimeoutMs} ms`;
    const timer = setTimeout(() => this.#refuse(carrier, late), this.#helloTimeoutMs);
    carrier.events = {
      onFrame: (frame) => {
        clearTimeout(timer);
        this.#welcome(frame, carrier);
      },
      onDrain: () => {},
      onClosed: () => clearTimeout(timer),
    };
  }

  #welcome(frame: WorkerFrame, carrier: GrpcCarrier): void {
    const [first, ...rest] = frame.messages;
    const hello = first?.hello;
    const invitation = hello ? this.#invitations.get(hello.token) : undefined;
    const problem = problemOf(hello, invitation);
    if (problem !== undefined || !hello || !invitation) {
      this.#refuse(carrier, problem ?? "", hello?.workerId, invitation);
      return;
    }
    this.#invitations.delete(hello.token);
    const link = new Link(hello, carrier, invitation.events);
    if (rest.length > 0) carrier.events?.onFrame({ messages: rest });
    invitation.accept(link);
  }

  #refuse(carrier: GrpcCarrier, problem: string, workerId = "?", invitation?: Invitation): void {
    this.#log.warn("refused the worker {workerId}: {problem}", { workerId, problem });
    carrier.send({
      messages: [{ refused: { error: { code: "protocol_mismatch", message: problem } } }],
    });
    carrier.close();
    // Whatever it says after this is not a hello.
    carrier.events = undefined;
    invitation?.refuse(new SnakedenError("protocol_mismatch", problem));
  }
}

function shuttingDown(): SnakedenError {
  return new SnakedenError("shutting_down", "Cannot expect a worker: the link server is closed");
}

function problemOf(hello: Hello | null | undefined, invitation?: Invitation): string | undefined {
  if (!hello) return "The first message of a worker has to be a hello";
  if (invitation === undefined) return "The token is unknown, or was used before";
  if (hello.protocolVersion !== PROTOCOL_VERSION) {
    return `The worker speaks version ${hello.protocolVersion} of the link, the host version ` +
      `${PROTOCOL_VERSION}: install the package snakeden that belongs to this host`;
  }
  if (invitation.workerId !== hello.workerId) {
    return `The token belongs to the worker ${invitation.workerId}, not to ${hello.workerId}`;
  }
  return undefined;
}
