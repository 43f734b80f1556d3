/**
 * The form that asks for the API key. The key stays in the memory of the page: it is in no storage,
 * cookie or address, and is gone when the page is left or loaded anew.
 */

/** Returns the element of this id. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element "${id}"`);
  return element;
}

/**
 * Fetches JSON from this server.
 *
 * @param key The API key, if the server needs one.
 * @throws {Error} With the text to show.
 */
export async function fetchJson(path, key) {
  const answer = await fetchAnswer(path, key);
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  if (answer.status === 401) throw new Error("The server refused this key.");
  throw new Error(body.detail ?? `The server answered with the status ${answer.status}.`);
}

async function fetchAnswer(path, key) {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  try {
    return await fetch(path, { headers, cache: "no-store" });
  } catch {
    throw new Error("The server cannot be reached.");
  }
}

/**
 * Opens the content of the page: at once when the server needs no key, else once the form has a key
 * that the server takes.
 *
 * @param open Called with the key, or with undefined; what it throws is shown.
 */
export function openWithKey(open) {
  const needsKey = document.documentElement.dataset.needsKey === "true";
  const form = byId("key-form");
  const [input, button, problem] = ["key", "key-button", "key-problem"].map(byId);
  const attempt = async (key) => {
    button.disabled = true;
    problem.textContent = "";
    input.removeAttribute("aria-invalid");
    try {
      await open(key);
      input.value = "";
      form.hidden = true;
    } catch (error) {
      problem.textContent = error.message;
      form.hidden = false;
      if (needsKey) input.setAttribute("aria-invalid", "true");
      if (needsKey) input.select();
    } finally {
      button.disabled = false;
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!needsKey) return void attempt(undefined);
    const key = input.value.trim();
    if (/^[\x21-\x7e]+$/.test(key)) return void attempt(key);
    problem.textContent = "A key has only printable ASCII characters, without spaces.";
    input.setAttribute("aria-invalid", "true");
    input.focus();
  });
  if (needsKey) {
    form.hidden = false;
    input.focus();
  } else {
    // The form only comes up when the content cannot be had, to try again.
    byId("key-field").hidden = true;
    input.required = false;
    button.textContent = "Try again";
    void attempt(undefined);
  }
}
