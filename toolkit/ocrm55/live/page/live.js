// The page of `ocrm55 live`. Texts come from pictures of strangers: they go into the page as text, never as HTML.
"use strict";

const LONGEST = 1280; // pixels of a frame's side that is sent
const QUALITY = 0.9; // of its JPEG
const TOO_MANY = 1013; // code of a closed socket: there are as many tabs as the server takes
const PATIENCE = 120000; // ms for an answer before the next frame goes anyway
const $ = (id) => document.getElementById(id);
const view = $("view"), video = $("video"), paper = view.getContext("2d");
let socket = null, waiting = 0, still = null, live = false, shown = null, lines = [], rate = 0, retry = 500, proving = false;

function status(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function connect() {
  const where = location.href.replace(/^http/, "ws").replace(/[^/]*$/, "") + "socket";
  socket = new WebSocket(where);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => { status(""); sendSettings(); if (still) send(still); };
  socket.onmessage = (event) => take(JSON.parse(event.data));
  socket.onclose = (event) => {
    if (proving) $("proof").textContent = "Not proved: the connection was lost.";
    idle();
    status(event.code === TOO_MANY ? "There are too many tabs of this page. Trying again …" : "The server is not there. Trying again …", true);
    setTimeout(connect, retry);
    retry = Math.min(retry * 2, 8000);
  };
}

function take(answer) {
  if (answer.type === "about") return about(answer);
  if (answer.type === "uart") return uart(answer.text, true);
  if (proving && answer.type === "error") $("proof").textContent = `Not proved: ${answer.sentence}`;
  if (answer.type !== "frame" || !proving) idle(); // a frame that was on its way ends no proof
  if (answer.type === "proof") return proof(answer);
  if (answer.type === "error") return status(answer.sentence, true);
  status("");
  show(answer);
}

function about(value) {
  retry = 500; // a server with too many tabs opens the socket, too, and closes it
  $("about").textContent = `${value.recognizer} and ${value.detector}, ${value.size}, on ${value.board}`;
  $("arena").value = value.arena / value.memory;
  $("arena-text").textContent =
    `arena ${value.arena.toLocaleString("en")} of ${value.memory.toLocaleString("en")} bytes in ${value.region}`;
  for (const option of [...$("engine").options]) if (!value.engines.includes(option.value)) option.remove();
  $("prove").hidden = !value.engines.includes("qemu");
  if ($("prove").hidden) $("proof").textContent = "QEMU, which proves a frame, is not installed on this computer.";
}

function show(answer) {
  lines = answer.lines;
  draw();
  const list = $("lines"), texts = lines.filter((line) => line.text);
  while (list.children.length > texts.length) list.lastChild.remove();
  texts.forEach((line, at) => {
    let row = list.children[at];
    if (!row) {
      row = document.createElement("li");
      for (const name of ["text", "score"]) row.appendChild(document.createElement("span")).className = name;
      list.appendChild(row);
    }
    if (row.firstChild.textContent !== line.text) row.firstChild.textContent = line.text;
    row.lastChild.textContent = rounded(line.score, 3);
    row.lastChild.classList.toggle("unsure", line.score < 0.9);
  });
  list.classList.toggle("many", texts.length > 6);
  $("none").hidden = texts.length > 0;
  view.setAttribute("aria-label",
    texts.length ? `Picture with ${texts.length} ${texts.length > 1 ? "lines" : "line"} of text` : "Picture without text");
  const now = answer.milliseconds;
  rate = rate ? 0.8 * rate + 0.2 * now : now;
  $("machine").textContent = time(now);
  const rates = [`${(1000 / rate).toFixed(1)} here`];
  if (answer.board) {
    const [low, high] = answer.board.milliseconds;
    $("board").textContent = `${time(low)} – ${time(high)}`;
    rates.push(`${(2000 / (low + high)).toFixed(1)} board`);
    $("instructions").textContent = answer.board.instructions.toLocaleString("en");
  } else {
    $("board").textContent = $("instructions").textContent = answer.readings === undefined ? "–" : "QEMU counts …";
  }
  $("rates").textContent = rates.join(" · ");
  $("readings").textContent = answer.readings === undefined ? "–" : answer.readings;
  $("dropped").textContent = Number($("dropped").textContent) + (answer.dropped || 0);
  const news = [];
  for (const [name, word] of [["came", "new"], ["changed", "changed"], ["left", "gone"]])
    if (answer[name] && answer[name].length) news.push(`${answer[name].length} ${word}`);
  $("news").textContent = news.length ? `Since the last frame: ${news.join(", ")}.` : "Since the last frame: nothing.";
  if (answer.uart) uart(answer.uart);
  if (answer.said) {
    const row = document.createElement("li");
    row.appendChild(document.createElement("span")).textContent = answer.said;
    row.firstChild.className = "text";
    $("said").prepend(row);
    while ($("said").children.length > 50) $("said").lastChild.remove();
  }
}

const time = (ms) => (ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`);

// What a simulator said; more: behind what is there already.
function uart(text, more = false) {
  const paper = $("uart"), below = paper.scrollHeight - paper.scrollTop - paper.clientHeight < 40;
  if (more) paper.append(text); else paper.textContent = text;
  $("uart-box").hidden = false;
  if (below) paper.scrollTop = paper.scrollHeight;
}

const NAMES = { qemu: "QEMU", fvp: "The FVP" };

// Says that a simulator is at it, and offers to stop it; nothing where name is empty.
function running(name) {
  $("halt").hidden = !name;
  $("ask").disabled = Boolean(name);
  if (!name) return;
  $("uart").textContent = "";
  $("uart-box").hidden = false;
  $("uart-box").open = true;
  status(`${name} reads the frame …`);
}

// Nobody computes for this page.
function idle() {
  waiting = 0;
  proving = $("prove").disabled = false;
  running("");
}

function proof(answer) {
  status("");
  const box = $("proof");
  box.className = answer.same ? "small good" : "small bad";
  box.textContent = answer.same
    ? `The same bits: ${answer.hashes} hashes and all ${answer.lines} lines of the UART are equal.`
    : `Not the same. Native: ${answer.apart ? answer.apart[0] : "fewer lines"} QEMU: ${answer.apart ? answer.apart[1] : "more lines"}`;
  uart(answer.uart);
}

const accent = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The last picture that was answered for, with boxes: they lie where the text is, not where it was.
function draw() {
  if (!shown) return;
  const zoom = Math.max(1, LONGEST / Math.max(shown.width, shown.height)); // so that words are sharp
  const width = Math.round(shown.width * zoom), height = Math.round(shown.height * zoom);
  if (view.width !== width || view.height !== height) { view.width = width; view.height = height; }
  paper.drawImage(shown, 0, 0, width, height);
  const thick = Math.max(2, Math.min(width, height) / 240), taken = lines.map(bounds);
  paper.textBaseline = "middle";
  for (const [at, line] of lines.entries()) {
    const points = line.corners.map(([x, y]) => [x * width, y * height]), sure = line.score >= 0.9;
    paper.beginPath();
    points.forEach(([x, y], at) => (at ? paper.lineTo(x, y) : paper.moveTo(x, y)));
    paper.closePath();
    for (const [wide, colour] of [[thick + 2, "rgba(255,255,255,0.85)"], [thick, sure ? "#00629b" : "#d97a00"]]) {
      paper.lineWidth = wide;
      paper.strokeStyle = colour;
      paper.stroke();
    }
    if (line.text) label(line, at, sure, taken);
  }
}

// A score, which a network may give that is no number.
const rounded = (score, digits) => score === null ? "?" : score.toFixed(digits);

// Left, top, right and bottom of a line in pixels of the view.
function bounds(line) {
  const xs = line.corners.map(([x]) => x * view.width), ys = line.corners.map(([, y]) => y * view.height);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

// Its text beside a box, where it covers no other one; where there is no such place, the list alone has the text.
function label(line, number, sure, taken) {
  const [left, top, right, bottom] = taken[number], least = Math.min(view.width, view.height) / 44;
  const size = Math.round(Math.max(11, least, Math.min((bottom - top) * 0.55, least * 2)));
  paper.font = `600 ${size}px system-ui, sans-serif`;
  const words = line.score < 0.995 ? `${line.text}  ${rounded(line.score, 2)}` : line.text;
  const wide = Math.min(paper.measureText(words).width + size, view.width), high = size * 1.4;
  const inside = Math.max(0, Math.min(left, view.width - wide));
  const places = [[inside, top - high - 3], [inside, bottom + 3], [right + 4, (top + bottom - high) / 2], [left - wide - 4, (top + bottom - high) / 2]];
  const free = ([x, y]) => x >= 0 && y >= 0 && x + wide <= view.width && y + high <= view.height &&
    taken.every(([a, b, c, d], at) => at === number || x >= c || x + wide <= a || y >= d || y + high <= b);
  const place = places.find(free);
  if (!place) return;
  const [x, y] = place;
  taken.push([x, y, x + wide, y + high]);
  paper.fillStyle = sure ? "rgba(0,62,100,0.9)" : "rgba(120,62,0,0.92)";
  paper.fillRect(x, y, wide, high);
  paper.fillStyle = "#ffffff";
  paper.fillText(words, x + size / 2, y + high / 2 + 1, wide - size);
}

function frameOf(source, width, height) {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function send(canvas) {
  if (!socket || socket.readyState !== WebSocket.OPEN || waiting) return;
  waiting = Date.now();
  canvas.toBlob((blob) => {
    if (!blob || socket.readyState !== WebSocket.OPEN) { waiting = 0; return; }
    shown = canvas;
    socket.send(blob);
    if (isSlow()) running(NAMES[$("engine").value]);
  }, "image/jpeg", QUALITY);
}

const isSlow = () => $("engine").value in NAMES && !$("one-on").checked;

// A frame for a simulator: what the camera shows now, or the picture.
function ask() {
  if (live && video.videoWidth) send(frameOf(video, video.videoWidth, video.videoHeight));
  else if (still) send(still);
  else status("There is no picture yet.", true);
}

// Ends a simulator's run.
function halt() {
  if (!$("halt").hidden && socket.readyState === WebSocket.OPEN) socket.send('{"type": "stop"}');
}

// A frame goes when the last one was answered: what the camera shows meanwhile is dropped.
function tick() {
  if (waiting && Date.now() - waiting > PATIENCE) waiting = 0;
  if (live && !waiting && video.videoWidth && !video.paused && !isSlow())
    send(frameOf(video, video.videoWidth, video.videoHeight));
  requestAnimationFrame(tick);
}

function begin() {
  lines = []; still = null; live = true;
  $("hint").hidden = true;
  $("stop").hidden = false;
}

function stop() {
  live = false;
  video.pause();
  for (const track of video.srcObject ? video.srcObject.getTracks() : []) track.stop();
  video.srcObject = null;
  if (video.src) { URL.revokeObjectURL(video.src); video.removeAttribute("src"); }
  $("stop").hidden = true;
}

async function camera() {
  stop();
  if (!navigator.mediaDevices) return status("A browser gives the camera to localhost and https pages only.", true);
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
    await video.play();
    begin();
  } catch (trouble) {
    status(`There is no camera: ${trouble.message}`, true);
  }
}

async function film(file) {
  stop();
  video.src = URL.createObjectURL(file);
  video.loop = true;
  try { await video.play(); begin(); } catch (trouble) { status(`This video cannot be played: ${trouble.message}`, true); }
}

async function picture(file) {
  stop();
  try {
    const bitmap = await createImageBitmap(file);
    still = frameOf(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
  } catch {
    return status("This is no picture that the browser can read.", true);
  }
  lines = [];
  shown = still;
  draw();
  $("hint").hidden = true;
  waiting = 0;
  send(still);
}

function open(files) {
  const file = [...files].find((each) => /^(image|video)\//.test(each.type));
  if (file) (file.type.startsWith("video/") ? film : picture)(file);
}

function sendSettings() {
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  const part = (id) => Math.min(100, Math.max(0, Number($(id).value) || 0)) / 100;
  socket.send(JSON.stringify({
    type: "settings", engine: $("engine").value, clock: Number($("clock").value) || 400,
    region: $("one-on").checked ? ["rx", "ry", "rw", "rh"].map(part) : null,
    allow: $("allow").value, pattern: $("pattern").value, threshold: Number($("threshold").value) || 0,
  }));
  $("ask").hidden = !isSlow();
  const frame = still || (live && shown);
  if (frame) { waiting = 0; send(frame); }
}

$("camera").onclick = camera;
$("stop").onclick = stop;
$("ask").onclick = ask;
$("halt").onclick = halt;
$("video-file").onchange = (event) => open(event.target.files);
$("picture-file").onchange = (event) => open(event.target.files);
$("engine").onchange = () => { halt(); sendSettings(); };
for (const id of ["clock", "one-on", "rx", "ry", "rw", "rh", "allow", "pattern", "threshold"]) $(id).onchange = sendSettings;
$("prove").onclick = () => {
  if (!socket || socket.readyState !== WebSocket.OPEN) return;
  $("prove").disabled = proving = true;
  waiting = Date.now();
  $("proof").className = "small";
  $("proof").textContent = "This computer and QEMU read the frame …";
  running("QEMU");
  socket.send(JSON.stringify({ type: "prove" }));
};
const drop = $("drop");
addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
addEventListener("dragleave", () => drop.classList.remove("over"));
addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); open(event.dataTransfer.files); });
addEventListener("paste", (event) => open(event.clipboardData.files));
connect();
requestAnimationFrame(tick);
