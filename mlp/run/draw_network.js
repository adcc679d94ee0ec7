"use strict";
// What `mlp predict` does, for draw.js: grey pixels become the network's picture
// (mlp/datasets/pictures.py, with Pillow's arithmetic), and the forward pass is mlp/model.py's.

const network = JSON.parse(document.getElementById("network").textContent);
const [height, width] = network.shape;
const layers = network.layers.map(({ weight, bias }) => ({
  weight: floats(weight),
  bias: floats(bias),
}));
const CONTRAST = 24; // grey levels between ink and paper; less is a blank page
const BRIGHT_BORDER = 0.75; // share of the border that makes the paper bright

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

// Pillow's filters: how far each reaches, and the weight at a distance.
const BILINEAR = { reach: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) };
const BOX = { reach: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };

// Weights of 22 bits for every output pixel, along one side.
function weights(size, from, to, count, filter) {
  const scale = (to - from) / count;
  const stretch = Math.max(scale, 1);
  const support = filter.reach * stretch;
  return Array.from({ length: count }, (_, index) => {
    const center = from + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(size, Math.trunc(center + support + 0.5));
    const shares = [];
    for (let place = first; place < last; place++)
      shares.push(filter.at((place - center + 0.5) / stretch));
    const sum = shares.reduce((a, b) => a + b, 0);
    return { first, shares: shares.map((share) => Math.trunc(0.5 + (share / sum) * 2 ** 22)) };
  });
}

function weighted(pixels, start, step, { first, shares }) {
  let sum = 2 ** 21;
  for (let i = 0; i < shares.length; i++) sum += pixels[start + (first + i) * step] * shares[i];
  return Math.min(255, Math.floor(sum / 2 ** 22));
}

function resized(pixels, across, down, [left, top, right, bottom], filter) {
  const columns = weights(across, left, right, width, filter);
  const rows = weights(down, top, bottom, height, filter);
  const narrow = new Uint8Array(width * down);
  for (let y = 0; y < down; y++)
    for (let x = 0; x < width; x++)
      narrow[y * width + x] = weighted(pixels, y * across, 1, columns[x]);
  const result = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) result[y * width + x] = weighted(narrow, x, width, rows[y]);
  return result;
}

// Grey pixels as the training rows were made; null where a sheet to be cropped is blank.
function prepared(grey, across, down) {
  if (across === width && down === height && (!network.crop || network.ink === "auto")) return grey;
  if (network.crop) return cropped(grey, across, down);
  const reduce = across >= width && down >= height;
  return resized(grey, across, down, [0, 0, across, down], reduce ? BOX : BILINEAR);
}

function cropped(grey, across, down) {
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
  const row = resized(levels, across, down, box, BILINEAR);
  return network.ink === "dark" ? row.map((value) => 255 - value) : row;
}

// What the network is given: scaled, and standardised where the training rows were.
function input(picture) {
  const { scale, mean, factor } = network;
  return Float32Array.from(picture, (value, i) =>
    mean ? (value * scale - mean[i]) * factor[i] : value * scale);
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
