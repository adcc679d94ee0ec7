"use strict";
// Draw and see: the canvas becomes the network's picture as `mlp predict` makes it of a file
// (mlp/datasets/pictures.py, with Pillow's arithmetic), and the forward pass is mlp/model.py's.

const network = JSON.parse(document.getElementById("network").textContent);
const [height, width] = network.shape;
const layers = network.layers.map(({ weight, bias }) => ({
  weight: floats(weight),
  bias: floats(bias),
}));
const CONTRAST = 24; // grey levels between ink and paper; less is a blank page
const BRIGHT_BORDER = 0.75; // share of the border that makes the paper bright
const PEN = 22; // pixels of the canvas

function floats(base64) {
  return new Float32Array(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer);
}

// --- a picture becomes a row --------------------------------------------------------------------

function extremes(pixels) {
  let [low, high] = [255, 0];
  for (const value of pixels) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function borderIsBright(pixels, across, down) {
  const [low, high] = extremes(pixels);
  let [bright, all] = [0, 0];
  for (let y = 0; y < down; y++)
    for (let x = 0; x < across; x++)
      if (y === 0 || y === down - 1 || x === 0 || x === across - 1) {
        all += 1;
        bright += pixels[y * across + x] > (low + high) / 2;
      }
  return bright / all >= BRIGHT_BORDER;
}

function median(values) {
  values.sort();
  const half = values.length >> 1;
  return values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

function roundHalfToEven(value) {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 ? down + 1 : down;
}

// Pillow's bilinear filter: weights of 22 bits for every output pixel, along one side.
function weights(size, from, to, count) {
  const scale = (to - from) / count;
  const support = Math.max(scale, 1);
  return Array.from({ length: count }, (_, index) => {
    const center = from + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(size, Math.trunc(center + support + 0.5));
    const shares = [];
    for (let place = first; place < last; place++)
      shares.push(Math.max(0, 1 - Math.abs((place - center + 0.5) / support)));
    const sum = shares.reduce((a, b) => a + b, 0);
    return { first, shares: shares.map((share) => Math.trunc(0.5 + (share / sum) * 2 ** 22)) };
  });
}

function weighted(pixels, start, step, { first, shares }) {
  let sum = 2 ** 21;
  for (let i = 0; i < shares.length; i++) sum += pixels[start + (first + i) * step] * shares[i];
  return Math.min(255, Math.floor(sum / 2 ** 22));
}

function resized(pixels, across, down, [left, top, right, bottom]) {
  const columns = weights(across, left, right, width);
  const rows = weights(down, top, bottom, height);
  const narrow = new Uint8Array(width * down);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < width; x++)
      narrow[y * width + x] = weighted(pixels, y * across, 1, columns[x]);
  const result = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) result[y * width + x] = weighted(narrow, x, width, rows[y]);
  return result;
}

// Grey pixels, cropped to their ink and stretched; null where the page is blank.
function prepared(grey, across, down) {
  if (across === width && down === height) return grey;
  let [low, high] = extremes(grey);
  if (high - low < CONTRAST) return null;
  const pixels = borderIsBright(grey, across, down) ? grey.map((value) => 255 - value) : grey;
  [low, high] = extremes(pixels);
  const paper = median(pixels.filter((value) => value <= (low + high) / 2));
  const ink = median(pixels.filter((value) => value > (low + high) / 2));
  const box = [across, down, 0, 0];
  const levels = pixels.map((value, index) => {
    const share = Math.min(1, Math.max(0, Math.fround((value - paper) / (ink - paper))));
    const level = roundHalfToEven(Math.fround(share * 255));
    if (level >= 128) {
      const [x, y] = [index % across, Math.floor(index / across)];
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x + 1);
      box[3] = Math.max(box[3], y + 1);
    }
    return level;
  });
  return resized(levels, across, down, box);
}

// --- the network --------------------------------------------------------------------------------

function forward(x) {
  const activations = [x];
  for (const [number, { weight, bias }] of layers.entries()) {
    const input = activations[number];
    const sums = Float64Array.from(bias);
    for (let i = 0; i < input.length; i++)
      if (input[i] !== 0)
        for (let j = 0, k = i * sums.length; j < sums.length; j++, k++)
          sums[j] += input[i] * weight[k];
    const last = number === layers.length - 1;
    activations.push(last ? sums : sums.map((value) => Math.max(value, 0)));
  }
  const logits = activations.pop();
  const highest = Math.max(...logits);
  const exponentials = logits.map((value) => Math.exp(value - highest));
  const total = exponentials.reduce((a, b) => a + b, 0);
  return { activations, probabilities: exponentials.map((value) => value / total) };
}

// The derivatives of log p of a class by every pixel: backwards through the same weights.
function slopes({ activations, probabilities }, chosen) {
  let d = probabilities.map((p, k) => (k === chosen) - p);
  for (let number = layers.length - 1; number >= 0; number--) {
    const { weight } = layers[number];
    const outputs = d;
    d = Float64Array.from(activations[number], (value, i) => {
      if (number > 0 && value <= 0) return 0;
      let sum = 0;
      for (let j = 0, k = i * outputs.length; j < outputs.length; j++, k++)
        sum += weight[k] * outputs[j];
      return sum;
    });
  }
  return d;
}

// What every unit of the last hidden layer adds to a class, less what it adds to all on average:
// a softmax sees differences only.
function votes({ activations, probabilities }, chosen) {
  const { weight } = layers[layers.length - 1];
  const classes = probabilities.length;
  return Array.from(activations[activations.length - 1], (value, unit) => {
    const row = weight.subarray(unit * classes, (unit + 1) * classes);
    const mean = row.reduce((a, b) => a + b, 0) / classes;
    return { unit, vote: value * (row[chosen] - mean) };
  }).sort((a, b) => b.vote - a.vote);
}

// --- the page -----------------------------------------------------------------------------------

const byId = (id) => document.getElementById(id);
const sheet = byId("sheet");
const pen = sheet.getContext("2d", { willReadFrequently: true });
const position = { x: sheet.width / 2, y: sheet.height / 2 };
const percent = (p) => (p > 0.9995 ? ">99.9 %" : p < 0.0005 ? "<0.1 %" : `${(100 * p).toFixed(1)} %`);

function clear() {
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, sheet.width, sheet.height);
  show(null);
}

function greyOf(context) {
  const { data, width: across, height: down } = context.getImageData(
    0, 0, context.canvas.width, context.canvas.height,
  );
  const grey = new Uint8Array(across * down);
  for (let i = 0; i < grey.length; i++) // Pillow's convert("L")
    grey[i] = (data[4 * i] * 19595 + data[4 * i + 1] * 38470 + data[4 * i + 2] * 7471 + 32768) >> 16;
  return grey;
}

function look() {
  show(prepared(greyOf(pen), sheet.width, sheet.height));
}

function paint(canvas, colour) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...colour(i), 255], 4 * i);
  context.putImageData(image, 0, 0);
}

function show(picture) {
  byId("seen").hidden = picture === null;
  if (picture === null) {
    byId("said").textContent = "Nothing is drawn yet.";
    return;
  }
  const x = Float32Array.from(picture, (value) => value * network.scale);
  const found = forward(x);
  const order = [...found.probabilities.keys()].sort(
    (a, b) => found.probabilities[b] - found.probabilities[a],
  );
  const [best] = order;
  const name = network.classes[best];
  byId("said").textContent = `${name}, ${percent(found.probabilities[best])}; then `
    + order.slice(1, 3).map((k) => `${network.classes[k]}, ${percent(found.probabilities[k])}`).join("; ");
  for (const [k, p] of found.probabilities.entries()) {
    const row = byId("classes").rows[k];
    row.dataset.probability = p;
    row.classList.toggle("chosen", k === best);
    row.cells[1].textContent = percent(p);
    row.querySelector(".meter span").style.setProperty("--width", `${100 * p}%`);
  }
  paint(byId("picture"), (i) => [picture[i], picture[i], picture[i]]);
  showPixels(picture, x, found, best);
  const all = votes(found, best);
  showVotes(byId("for"), all.filter(({ vote }) => vote > 0).slice(0, 6));
  showVotes(byId("against"), all.filter(({ vote }) => vote < 0).slice(-6).reverse());
  for (const place of document.querySelectorAll(".said")) place.textContent = name;
}

// How log p of the class would change if one pixel were all ink, to first order; the two that
// change most are then computed.
function showPixels(picture, x, found, best) {
  const change = slopes(found, best).map((slope, i) => slope * (255 - picture[i]) * network.scale);
  const largest = Math.max(...change.map(Math.abs)) || 1;
  paint(byId("pixels"), (i) => {
    const share = Math.abs(change[i]) / largest;
    const colour = change[i] > 0 ? [86, 180, 233] : [236, 140, 60];
    return colour.map((level) => 20 + share * (level - 20));
  });
  const odds = ({ probabilities }) =>
    probabilities[best] / probabilities.reduce((sum, p, k) => sum + (k === best ? 0 : p), 0);
  const tell = (i) => {
    const more = x.slice();
    more[i] = 255 * network.scale;
    const times = odds(forward(more)) / odds(found);
    return `in row ${Math.floor(i / width) + 1}, column ${(i % width) + 1} by ${times.toPrecision(2)}`;
  };
  byId("more").textContent = "Full ink multiplies its odds at most "
    + `${tell(change.indexOf(Math.max(...change)))}, at least ${tell(change.indexOf(Math.min(...change)))}.`;
}

function showVotes(list, units) {
  list.replaceChildren(...units.map(({ unit, vote }) => {
    const item = document.createElement("li");
    if (layers.length === 2) {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [width, height];
      const { weight, bias } = layers[0];
      const column = Float32Array.from({ length: width * height }, (_, i) => weight[i * bias.length + unit]);
      const largest = Math.max(...column.map(Math.abs)) || 1;
      paint(canvas, (i) => Array(3).fill(127.5 + (127.5 * column[i]) / largest));
      item.append(canvas);
    }
    item.append(`unit ${unit}: ${vote > 0 ? "+" : "\u2212"}${Math.abs(vote).toFixed(2)}`);
    return item;
  }));
}

function stroke(to) {
  pen.lineWidth = PEN;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#000";
  pen.beginPath();
  pen.moveTo(position.x, position.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
  Object.assign(position, to);
  look();
}

function placeOf(event) {
  const box = sheet.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) * sheet.width) / box.width,
    y: ((event.clientY - box.top) * sheet.height) / box.height,
  };
}

sheet.addEventListener("pointerdown", (event) => {
  sheet.setPointerCapture(event.pointerId);
  Object.assign(position, placeOf(event));
  stroke(position);
});
sheet.addEventListener("pointermove", (event) => {
  if (sheet.hasPointerCapture(event.pointerId))
    for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(placeOf(one));
});
sheet.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  const to = {
    x: Math.min(sheet.width, Math.max(0, position.x + 10 * step[0])),
    y: Math.min(sheet.height, Math.max(0, position.y + 10 * step[1])),
  };
  if (event.shiftKey) Object.assign(position, to);
  else stroke(to);
});
const tell = () => {
  byId("told").textContent = byId("said").textContent; // once a stroke, not while it is drawn
};
sheet.addEventListener("pointerup", tell);
sheet.addEventListener("keyup", tell);
byId("clear").addEventListener("click", () => {
  clear();
  tell();
});
byId("file").addEventListener("change", async ({ target }) => {
  const bitmap = await createImageBitmap(target.files[0]);
  if (bitmap.width === width && bitmap.height === height) {
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    show(greyOf(context));
  } else {
    clear();
    const scale = Math.min(sheet.width / bitmap.width, sheet.height / bitmap.height);
    pen.drawImage(bitmap, 0, 0, bitmap.width * scale, bitmap.height * scale);
    look();
  }
  tell();
});
clear();
