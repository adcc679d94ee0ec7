// Draw and see: the sheet, and what draw_network.js finds in it; both stand in one script element.

const PEN = 22; // pixels of the sheet
// The sheet is as the training rows were, so nothing need be inverted; cropping finds the ink.
const [PAPER, INK] = !network.crop && network.ink === "light" ? ["#000", "#fff"] : ["#fff", "#000"];
const INKED = network.ink === "dark" ? 0 : 255; // the network's pixel that is all ink
const byId = (id) => document.getElementById(id);
const sheet = byId("sheet");
const pen = sheet.getContext("2d", { willReadFrequently: true });
const position = { x: sheet.width / 2, y: sheet.height / 2 };
const percent = (p) => (p > 0.9995 ? ">99.9 %" : p < 0.0005 ? "<0.1 %" : `${(100 * p).toFixed(1)} %`);

function clear() {
  pen.fillStyle = PAPER;
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
  const found = forward(input(picture));
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
  showPixels(picture, found, best);
  const all = votes(found, best);
  showVotes(byId("for"), all.filter(({ vote }) => vote > 0).slice(0, 6));
  showVotes(byId("against"), all.filter(({ vote }) => vote < 0).slice(-6).reverse());
  for (const place of document.querySelectorAll(".said")) place.textContent = name;
}

// How log p of the class would change if one pixel were all ink, to first order; the two that
// change most are then computed.
function showPixels(picture, found, best) {
  const { scale, factor } = network;
  const change = slopes(found, best).map(
    (slope, i) => slope * (INKED - picture[i]) * scale * (factor ? factor[i] : 1),
  );
  const largest = Math.max(...change.map(Math.abs)) || 1;
  paint(byId("pixels"), (i) => {
    const share = Math.abs(change[i]) / largest;
    const colour = change[i] > 0 ? [86, 180, 233] : [236, 140, 60];
    return colour.map((level) => 20 + share * (level - 20));
  });
  const odds = ({ probabilities }) =>
    probabilities[best] / probabilities.reduce((sum, p, k) => sum + (k === best ? 0 : p), 0);
  const tell = (i) => {
    const more = picture.slice();
    more[i] = INKED;
    const times = odds(forward(input(more))) / odds(found);
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
  pen.strokeStyle = INK;
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
    context.fillStyle = network.ground;
    context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0);
    show(prepared(greyOf(context), width, height));
  } else {
    clear();
    const scale = Math.min(sheet.width / bitmap.width, sheet.height / bitmap.height);
    pen.drawImage(bitmap, 0, 0, bitmap.width * scale, bitmap.height * scale);
    look();
  }
  tell();
});
clear();
