import { isRecord } from "../../json/mod.ts";
import { type AnswerFields, wrongField } from "./answer_fields.ts";
import type { Bound } from "./bound.ts";
import { connectionLost, unexpectedAnswer } from "./failure.ts";
import type { Host } from "./hosts.ts";

/** An answer of a host, whose body must be read or left. */
export class Reply {
  readonly host: Host;
  readonly response: Response;
  readonly #bound: Bound;
  readonly #url: string;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(response: Response, { host, url, bound }: {
    readonly host: Host;
    readonly url: string;
    readonly bound: Bound;
  }) {
    this.response = response;
    this.host = host;
    this.#url = url;
    this.#bound = bound;
  }

  /**
   * Reads the whole body.
   *
   * @throws {SnakedenError} `connection_lost`. Throws the reason of the caller's signal.
   */
  async text(): Promise<string> {
    try {
      return await this.response.text();
    } catch (error) {
      this.#bound.signal.throwIfAborted();
      this.host.failed();
      throw connectionLost(this.#url, error);
    } finally {
      this.#bound.close();
    }
  }

  /**
   * Reads the body, an object of JSON.
   *
   * @param fields The fields that the object must have.
   * @throws {SnakedenError} `unexpected_answer` if it is none or lacks a field, and those of
   * {@link Reply.text}.
   */
  async json<T>(
    fields: AnswerFields,
    read: (text: string) => unknown = JSON.parse,
  ): Promise<T> {
    const text = await this.text();
    if (!this.isOf("application/json")) throw unexpectedAnswer(this.#url, this.response, text);
    let value: unknown;
    try {
      value = read(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    if (!isRecord(value)) throw unexpectedAnswer(this.#url, this.response, text);
    const field = wrongField(value, fields);
    if (field !== undefined) throw unexpectedAnswer(this.#url, this.response, text, field);
    return value as T;
  }

  /** Returns true if the body has this type. */
  isOf(type: string): boolean {
    const [essence = ""] = (this.response.headers.get("content-type") ?? "").split(";");
    return essence.trim().toLowerCase() === type;
  }

  /**
   * Reads the next bytes of the body; undefined at its end.
   *
   * @throws What `fetch` throws if the connection breaks, or the reason of the caller's signal.
   */
  async next(): Promise<Uint8Array | undefined> {
    this.#reader ??= this.response.body?.getReader();
    try {
      const step = await this.#reader?.read();
      return step?.value;
    } catch (error) {
      this.#bound.signal.throwIfAborted();
      throw error;
    }
  }

  /** Leaves the body; ends the connection if there is more of it. */
  leave(): void {
    this.#bound.abort();
    // It has been aborted, which is all there is to know.
    const left = this.#reader?.cancel() ?? this.response.body?.cancel();
    left?.catch(() => {});
  }
}
