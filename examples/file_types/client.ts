/**
 * Asks the server for the types of some files, and prints each one as soon as it is known.
 *
 *     deno run --allow-net --allow-read examples/file_types/client.ts URL FILE...
 */
const [url, ...files] = Deno.args;
if (url === undefined || files.length === 0) {
  console.error("usage: client.ts URL FILE...");
  Deno.exit(2);
}

// A parameter that takes a list takes several parts of its name.
const form = new FormData();
for (const file of files) form.append("files", new Blob([await Deno.readFile(file)]), "file");

const answer = await fetch(`${url}/v1/stream?tool=identify_all`, {
  method: "POST",
  headers: { accept: "application/x-ndjson" },
  body: form,
});
if (!answer.ok || answer.body === null) {
  const { code, detail } = await answer.json();
  console.error(`${code}: ${detail}`);
  Deno.exit(1);
}

let [rest, done] = ["", 0];
for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
  const lines = `${rest}${text}`.split("\n");
  rest = lines.pop() ?? "";
  for (const { event, data } of lines.filter((it) => it !== "").map((it) => JSON.parse(it))) {
    if (event === "chunk") console.log(`${files[done++]}: ${data.label} (${data.mimeType})`);
    if (event === "failed") {
      console.error(`${data.code}: ${data.detail}`);
      Deno.exit(1);
    }
  }
}
