import { Client, credentials } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { fileURLToPath } from "node:url";
import { Child } from "../child.ts";
import { type Contender, PAYLOAD, type StartOptions } from "../contender.ts";

const SERVER = fileURLToPath(new URL("unary_server.py", import.meta.url));
const LIMITS = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };

/** Calls a Python gRPC server that echoes, with grpc-js. Both ends do nothing else. */
export async function start({ python }: StartOptions): Promise<Contender> {
  const child = Child.spawn(python, { args: [SERVER] });
  const address = `127.0.0.1:${await child.readLine()}`;
  const client = new Client(address, credentials.createInsecure(), LIMITS);
  const echo = (request: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        "/bench.Echo/Echo",
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        request,
        (error, answer) => error ? reject(error) : resolve(answer ?? Buffer.alloc(0)),
      );
    });
  return {
    pids: [child.pid],
    async echo(): Promise<void> {
      const answer = JSON.parse((await echo(Buffer.from(JSON.stringify(PAYLOAD)))).toString());
      if (answer.value !== PAYLOAD.value) throw new Error("wrong echo");
    },
    async echoArray(array): Promise<void> {
      const answer = await echo(Buffer.from(array.buffer));
      if (
        answer.byteLength !== array.byteLength ||
        answer.readDoubleLE(answer.byteLength - 8) !== array.at(-1)
      ) throw new Error("wrong array");
    },
    async [Symbol.asyncDispose](): Promise<void> {
      client.close();
      await child[Symbol.asyncDispose]();
    },
  };
}
