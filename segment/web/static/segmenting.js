// Results are asked for: the newest request wins, and a preview is replaced by the result itself.
import { getJson, readLabels } from "./api.js";
import { page, say, showBusy } from "./page.js";
import { imageQuery } from "./queries.js";
import { hideResult, showResult } from "./result_view.js";

let running = null; // the AbortController of the request in progress
let wanted = null; // a quick answer that waits for the one in progress

/** Give up the request in progress. */
export function stopSegmenting() { running?.abort(); }

/** Ask for a result. A quick one is a preview by similar classes, which the result itself replaces. */
export async function segment({ quick = false } = {}) {
  if (!page.image) return;
  if (quick && running?.quick) { wanted = true; return; }
  running?.abort();
  const mine = new AbortController();
  mine.quick = quick;
  running = mine;
  const spin = setTimeout(() => { if (running === mine) showBusy("working"); }, 250);
  let isPreview = false;
  try {
    const query = imageQuery();
    const answer = await getJson("segment", {
      method: "POST", query: quick ? [...query, ["quick", 1]] : query, signal: mine.signal,
    });
    const labels = await readLabels(answer);
    if (running !== mine) return;
    Object.assign(page, { answer, labels });
    isPreview = !answer.is_exact;
    showResult();
    document.body.dataset.seen = String(Number(document.body.dataset.seen ?? 0) + 1);
    document.body.dataset.exact = String(answer.is_exact);
  } catch (error) {
    if (error.name !== "AbortError") {
      page.messages.clear();
      say(error.message);
      if (!page.answer) hideResult(); // that of another image
    }
  } finally {
    clearTimeout(spin);
    if (running === mine) {
      running = null;
      showBusy(isPreview ? "preview" : "");
      const again = wanted;
      wanted = null;
      if (again) segment({ quick: true });
      else if (isPreview) segment();
    }
  }
}
