import { Client, credentials } from "@grpc/grpc-js";
import { fileURLToPath } from "node:url";
import { type Contender, PAYLOAD } from "./contender.ts";

const SERVER = fileURLToPath(new URL("unary_server.py", import.meta.url));

/** A Python gRPC server that echoes, called with grpc-js; both ends do no more than that. */
export async function startUnary(python: string): Promise<Contender> {
  const child = new Deno.Command(python, { args: [SERVER], stdin: "piped", stdout: "piped" })
    .spawn();
  const client = new Client(
    `127.0.0.1:${await readPort(child.stdout)}`,
    credentials.createInsecure(),
  );
  const request = Buffer.from(JSON.stringify(PAYLOAD));
  return {
    name: "unary grpcio server",
    call: () =>
      new Promise<void>((resolve, reject) => {
        client.makeUnaryRequest(
          "/bench.Echo/Echo",
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          request,
          (error, answer) => {
            if (error) reject(error);
            else if (answer?.length !== request.length) reject(new Error("wrong echo"));
            else resolve();
          },
        );
      }),
    async [Symbol.asyncDispose](): Promise<void> {
      client.close();
      await child.stdin.close();
      await child.status;
    },
  };
}

async function readPort(stdout: ReadableStream<Uint8Array>): Promise<number> {
  let text = "";
  for await (const part of stdout.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.includes("\n")) return Number(text);
  }
  throw new Error("The unary server ended before it printed its port");
}
