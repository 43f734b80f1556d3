/**
 * Sends a PNG picture to the server, and writes the negative that comes back.
 *
 *     deno run --allow-net --allow-read --allow-write \
 *       examples/pictures/client.ts IN.png OUT.png [URL]
 */
const [input, output, url = "http://127.0.0.1:8000"] = Deno.args;
if (input === undefined || output === undefined) {
  console.error("usage: client.ts IN.png OUT.png [URL]");
  Deno.exit(2);
}

// One part for each argument: files are bytes, and text is read as the tool declares it.
const form = new FormData();
form.append("image", new Blob([await Deno.readFile(input)]), "picture.png");
form.append("strength", "1");

const answer = await fetch(`${url}/v1/execute?tool=invert`, {
  method: "POST",
  headers: { accept: "image/png" },
  body: form,
});
if (!answer.ok) {
  // Errors are JSON, whatever is accepted.
  const { code, detail } = await answer.json();
  console.error(`${code}: ${detail}`);
  Deno.exit(1);
}
await Deno.writeFile(output, await answer.bytes());
console.log(
  `${output}: ${answer.headers.get("content-length")} bytes of ` +
    `${answer.headers.get("content-type")} in ${answer.headers.get("snakeden-duration-ms")} ms`,
);
