// The HTTP API of the server; the page uses nothing else.
export const token = new URLSearchParams(location.search).get("token") ?? "";

export class ApiError extends Error {}

/** Send a request; a failure is an ApiError with the words of the server. */
export async function request(path, { query = [], method = "GET", body, signal } = {}) {
  const pairs = new URLSearchParams(query);
  const headers = { Authorization: `Bearer ${token}` };
  let answer;
  for (let attempt = 0; ; attempt += 1) {
    try {
      answer = await fetch(`api/${path}?${pairs}`, { method, body, headers, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError("The server does not answer. Start segment serve again, and open the address that it prints.");
    }
    // The queue of the server is full for a moment.
    if (answer.status !== 503 || attempt === 5) break;
    await new Promise((done) => setTimeout(done, 1000 * Number(answer.headers.get("Retry-After") ?? 1)));
  }
  if (!answer.ok) {
    const text = await answer.text();
    let words = text;
    try { words = JSON.parse(text).error; } catch { /* no JSON: the text itself */ }
    throw new ApiError(words || `The server answers ${answer.status}.`);
  }
  return answer;
}

export const getJson = async (path, options) => (await request(path, options)).json();

/** A picture as a bitmap whose values are those of the file. */
export const readBitmap = (blob) =>
  createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });

export async function getBitmap(path, options) {
  return readBitmap(await (await request(path, options)).blob());
}

/** The labels of an answer of /api/segment: one number for each pixel of the screen. */
export async function readLabels(answer) {
  const bytes = Uint8Array.from(atob(answer.labels_png), (letter) => letter.charCodeAt(0));
  const bitmap = await readBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const labels = new Uint16Array(bitmap.width * bitmap.height);
  const wide = answer.k > 255; // the second byte is green then
  for (let i = 0; i < labels.length; i += 1) {
    if (data[4 * i + 3]) labels[i] = wide ? data[4 * i] + 256 * data[4 * i + 1] : data[4 * i];
  }
  return { width: bitmap.width, height: bitmap.height, values: labels };
}

/** Labels as a layer in the colors of a palette; transparent where it has none. */
export function paintLabels({ width, height, values }, palette) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  // One 32-bit number for each pixel: alpha, blue, green, red.
  const colors = Uint32Array.from(palette, (rgb) => (rgb ? 0xff000000 | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0] : 0) >>> 0);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i += 1) pixels[i] = colors[values[i]];
  context.putImageData(image, 0, 0);
  return canvas;
}

export function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function fileName(answer) {
  const header = answer.headers.get("Content-Disposition") ?? "";
  return decodeURIComponent(header.split("UTF-8''")[1] ?? "result");
}
