/**
 * A program that tests run in a process of its own: `deno run -A blobs_holder.ts cut|whole|fill
 * DIRECTORY`.
 */
import { messageOf } from "../../src/errors.ts";
import { openDirectoryBlobs } from "../../src/blobs/mod.ts";
import { put, readAll } from "../store/blobs/blob_kit.ts";
import { bytesOf } from "../store/samples.ts";

const [mode = "", directory = ""] = Deno.args;

try {
  const blobs = await openDirectoryBlobs(directory);
  if (mode === "fill") {
    using held = await put(blobs, bytesOf(10_000));
    await put(blobs, bytesOf(3_000_000)).catch((error) => {
      console.log(`put: ${error.code} ${error.retryable} ${messageOf(error)}`);
    });
    const [first] = await Array.fromAsync(Deno.readDir(`${directory}/incoming`));
    console.log(`incoming: ${first?.name ?? "empty"}`);
    console.log(`first: ${(await readAll(blobs, held))?.length}`);
    await blobs[Symbol.asyncDispose]();
  } else {
    const writer = await blobs.create();
    await writer.write(bytesOf(1_000_000));
    if (mode === "whole") await writer.finish();
    console.log("written");
    // Until it is killed.
    setInterval(() => {}, 60_000);
  }
} catch (error) {
  console.log(`error: ${messageOf(error)}`);
  Deno.exit(3);
}
