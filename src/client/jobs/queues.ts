import { SnakedenError } from "../../errors.ts";
import { suggestion } from "../../near_names.ts";
import type { Transport } from "../http/mod.ts";
import type { DenQueues, Queue, QueueUpdate } from "../shapes/mod.ts";

/** The queues of jobs of a host. */
export class Queues implements DenQueues {
  readonly #transport: Transport;

  /** Programs get theirs from {@link SnakedenClient.queues}. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Lists the queues, by name. */
  async list(): Promise<Queue[]> {
    const reply = await this.#transport.send({ path: "/v1/queues" });
    return (await reply.json<{ queues: Queue[] }>({ queues: "objects" })).queues;
  }

  /** @throws {SnakedenError} `unknown_queue`, naming near ones. */
  async get(name: string): Promise<Queue> {
    const queues = await this.list();
    const queue = queues.find((it) => it.name === name);
    if (queue === undefined) throw unknownQueue(name, queues.map((it) => it.name));
    return queue;
  }

  /** Starts none of its jobs from now on, also after a restart; those that run go on. */
  async pause(name: string): Promise<Queue> {
    return await this.update(name, { paused: true });
  }

  /** Takes {@link Queues.pause} back. */
  async resume(name: string): Promise<Queue> {
    return await this.update(name, { paused: false });
  }

  /**
   * Takes no further job from now on, also after a restart: submissions, and retries of ended jobs,
   * fail with `queue_draining`. The queue runs what it has: {@link Queue.left}.
   */
  async drain(name: string): Promise<Queue> {
    return await this.update(name, { draining: true });
  }

  /**
   * Changes a queue. What is set here outlives the host.
   *
   * @throws {SnakedenError} `unknown_queue`; `invalid_input` naming every field that is wrong.
   */
  async update(name: string, update: QueueUpdate): Promise<Queue> {
    // Another text would be another path.
    if (!NAME.test(name)) throw unknownQueue(name, (await this.list()).map((it) => it.name));
    const reply = await this.#transport.send({
      method: "PATCH",
      path: `/v1/queues/${encodeURIComponent(name)}`,
      body: JSON.stringify(update),
      headers: { "content-type": "application/json" },
    });
    return await reply.json<Queue>({ name: "text", paused: "flag" });
  }
}

/** Names of queues. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function unknownQueue(name: string, known: readonly string[]): SnakedenError {
  const text = `There is no queue ${JSON.stringify(name)}; ${suggestion(name, known)}`;
  return new SnakedenError("unknown_queue", text, { details: { queue: name } });
}
