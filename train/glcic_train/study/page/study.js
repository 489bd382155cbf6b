"use strict";

// Milliseconds of empty screen between two pictures, so that one does not shine through to the next.
const PAUSE = 400;

const element = (id) => document.getElementById(id);
const loaded = new Map(); // number of a trial -> promise of its decoded picture
let state = null; // as the server tells it
let shownAt = null; // time at which the picture appeared; null = no answer is taken
let disturbed = false;

async function send(path, body) {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, request);
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.error);
  return reply;
}

async function load(trial) {
  const response = await fetch(`/picture?participant=${encodeURIComponent(state.participant)}&trial=${trial}`);
  if (!response.ok) throw new Error((await response.json()).error);
  const picture = new Image();
  picture.alt = "Is this photograph real or completed?";
  picture.src = URL.createObjectURL(await response.blob());
  await picture.decode();
  return picture;
}

function picture(trial) {
  if (!loaded.has(trial)) {
    const promise = load(trial);
    loaded.set(trial, promise);
    promise.catch(() => loaded.delete(trial));
  }
  return loaded.get(trial);
}

function enableChoice(enabled) {
  element("real").disabled = element("completed").disabled = !enabled;
}

function show(id) {
  for (const other of ["welcome", "trial", "thanks"]) element(other).hidden = other !== id;
}

// Runs work; if it fails, tells why and lets the participant try again. No answer is lost by that.
async function attempt(work) {
  element("trouble").hidden = true;
  try {
    await work();
  } catch (error) {
    const unreachable = error instanceof TypeError;
    element("message").textContent = unreachable ? "The study's program cannot be reached. Is it still running?" : error.message;
    element("again").onclick = () => attempt(work);
    element("trouble").hidden = false;
  }
}

async function showTrial() {
  if (state.trial === null) {
    element("summary").textContent = `You have judged all ${state.total} pictures.`;
    show("thanks");
    return;
  }
  show("trial");
  enableChoice(false);
  element("frame").replaceChildren();
  element("count").textContent = `Picture ${state.answered + 1} of ${state.total}`;
  element("bar").style.width = `${(100 * state.answered) / state.total}%`;
  element("progress").setAttribute("aria-valuemax", state.total);
  element("progress").setAttribute("aria-valuenow", state.answered);
  const pause = new Promise((done) => setTimeout(done, PAUSE));
  const image = await picture(state.trial);
  await pause;
  element("frame").replaceChildren(image);
  // The frame after the next one begins when the picture is on the screen.
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  shownAt = performance.now();
  disturbed = document.hidden;
  enableChoice(true);
  if (state.following !== null) picture(state.following).catch(() => {});
}

function answer(judgedReal) {
  if (shownAt === null) return;
  const seconds = (performance.now() - shownAt) / 1000;
  shownAt = null;
  enableChoice(false);
  const body = { participant: state.participant, trial: state.trial, judged_real: judgedReal, seconds, disturbed };
  attempt(async () => {
    state = await send("/answer", body);
    URL.revokeObjectURL((await picture(body.trial)).src);
    loaded.delete(body.trial);
    attempt(showTrial);
  });
}

element("start").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    state = await send("/start", { participant: element("participant").value });
    attempt(showTrial);
  });
});
element("real").addEventListener("click", () => answer(true));
element("completed").addEventListener("click", () => answer(false));
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || element("trial").hidden) return;
  if (event.key === "ArrowLeft") answer(true);
  if (event.key === "ArrowRight") answer(false);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) disturbed = true;
});
