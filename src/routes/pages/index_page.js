/** The program of the page at `/`: shows the pools and tools of the server. */
import { easiestFirst, exampleCall } from "./example_call.js";
import { byId, fetchJson, openWithKey } from "./key_form.js";

/** Returns a new element. Texts are set as texts, so that nothing in them is taken for HTML. */
function element(name, { text, classes, children = [] } = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (classes !== undefined) made.className = classes;
  made.append(...children);
  return made;
}

function poolRow({ name, state, reason, workers, size, queued, adapter }) {
  const stateCell = element("td", { text: state, classes: state === "ready" ? "" : "bad" });
  if (reason !== undefined) stateCell.append(element("p", { text: reason, classes: "soft" }));
  const head = element("th", { text: name });
  head.scope = "row";
  const cells = [`${workers.ready} of ${size}`, String(workers.busy), String(queued), adapter];
  return element("tr", {
    children: [head, stateCell, ...cells.map((text) => element("td", { text }))],
  });
}

function toolEntry(tool, { isOpen, isShared, needsKey }) {
  const place = tool.runsIn === "host" ? "host" : `pool ${tool.pool}`;
  const about = [
    place,
    ...(tool.workerId === undefined ? [] : [`worker ${tool.workerId}`]),
    ...(tool.streams ? ["streams"] : []),
  ].join(", ");
  const command = exampleCall(tool, { url: location.origin, needsKey, isShared });
  const code = element("pre", { children: [element("code", { text: command })] });
  // A keyboard must be able to scroll it.
  code.tabIndex = 0;
  const details = element("details", {
    children: [element("summary", { text: "Example call" }), code],
  });
  details.open = isOpen;
  return element("article", {
    children: [
      element("h3", { text: tool.name }),
      element("span", { text: ` ${about}`, classes: "soft" }),
      ...(tool.description === "" ? [] : [element("p", { text: tool.description })]),
      details,
    ],
  });
}

async function show(key) {
  // One after the other, since the server counts every wrong key.
  const { pools } = await fetchJson("/v1/pools", key);
  const all = (await fetchJson("/v1/tools", key)).tools;
  // A host tool that is not exposed cannot be called from here.
  const tools = all.filter(({ exposeHttp }) => exposeHttp !== false);
  const pooled = new Map();
  for (const { name } of tools) pooled.set(name, (pooled.get(name) ?? 0) + 1);
  byId("pools").replaceChildren(...pools.map(poolRow));
  const [easiest] = easiestFirst(tools);
  byId("tools").replaceChildren(...tools.map((tool) =>
    toolEntry(tool, {
      isOpen: tool === easiest,
      isShared: pooled.get(tool.name) > 1,
      needsKey: key !== undefined,
    })
  ));
  byId("tool-count").textContent = String(tools.length);
  byId("no-tools").hidden = tools.length > 0;
  byId("content").hidden = false;
}

openWithKey(async (key) => {
  await show(key);
  const [refresh, status] = ["refresh", "status"].map(byId);
  refresh.onclick = async () => {
    try {
      await show(key);
      status.textContent = `Updated at ${new Date().toLocaleTimeString()}.`;
    } catch (error) {
      status.textContent = error.message;
    }
  };
  if (key !== undefined) byId("title").focus();
});
