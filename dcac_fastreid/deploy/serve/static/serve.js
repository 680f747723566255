// The search page: asks the server for hits, and shows them. All names are set as text, never as HTML.

const PAGE = 50; // hits at first, and with each "show more"
const MOST = 1000;
const LONGEST = 60; // letters of a name
const byId = (id) => document.getElementById(id);
let about;
let threshold = null; // a similarity; none where the index is not calibrated
let query = null; // the photo that is searched for
let hits = [];
let searched = 0;
let count = PAGE;
let lastSearch = 0; // answers that come late are dropped
const givings = {}; // place -> how many photos were given there
const pair = { one: null, other: null };
let comparison = null; // of the pair

async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Error("The server does not answer; is `dcac-fastreid search serve` still running?");
  }
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(content.error || `The server answers with status ${answer.status}.`);
  return content;
}

function show(error) {
  byId("error").textContent = error ? error.message : "";
  byId("error").hidden = !error;
}

// Runs a step of the page; shows its error in place of the last one.
async function attempt(step) {
  show(null);
  document.body.setAttribute("aria-busy", "true");
  try {
    await step();
  } catch (error) {
    show(error);
  } finally {
    document.body.removeAttribute("aria-busy");
  }
}

function element(tag, text = "", attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A file's name below its photo: a long one without its middle.
function nameOf(photo) {
  const short = photo.name.length > LONGEST ? `${photo.name.slice(0, LONGEST - 20)}...${photo.name.slice(-17)}` : photo.name;
  return element("span", short, { class: "name", title: photo.name });
}

const photosOf = (number) => `${number.toLocaleString("en")} photo${number === 1 ? "" : "s"}`;
const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;

// ---- threshold

// The shares of pairs above a similarity, by the curve's points on both sides of it: of two people rather too high, of one too low.
function ratesAt(similarity) {
  const { rates, smallest_rate: smallest, ...stated } = about.calibration;
  let [falseMatch, trueMatch] = [stated.false_match_rate, stated.true_match_rate];
  if (similarity !== stated.threshold) {
    const last = rates.false_match_rate.length - 1;
    const place = Math.min(last, Math.max(0, ((similarity + 1) / 2) * last));
    falseMatch = rates.false_match_rate[Math.floor(place + 1e-6)];
    trueMatch = rates.true_match_rate[Math.ceil(place - 1e-6)];
  }
  const fewer = falseMatch < smallest; // than the pairs can tell
  return { falseMatch: fewer ? smallest : falseMatch, trueMatch, fewer, shown: `${fewer ? "less than " : ""}${percent(fewer ? smallest : falseMatch)}` };
}

function showThreshold() {
  if (threshold === null) return;
  const { falseMatch, trueMatch, fewer, shown } = ratesAt(threshold);
  const photos = searched || about.photos;
  const expected = Number((falseMatch * photos).toPrecision(2));
  byId("threshold-value").textContent = threshold.toFixed(3);
  byId("rates").textContent =
    `False-match rate ${shown}: of ${photosOf(photos)} of strangers, ${fewer ? "fewer than " : ""}` +
    `${expected} ${expected === 1 ? "is" : "are"} expected above this threshold. ` +
    `True-match rate ${percent(trueMatch)}: so many pairs of one person are above it. Both were measured in ${about.calibration.name}.`;
  mark();
  showComparison();
}

function startThreshold() {
  const known = about.calibration;
  byId("threshold-section").hidden = !known;
  if (!known) return;
  const slider = byId("threshold");
  slider.hidden = !known.rates;
  if (known.rates) {
    const last = known.rates.false_match_rate.length - 1;
    const half = known.rates.false_match_rate.findLastIndex((rate) => rate > 0.5); // below it nothing is told apart
    slider.min = Math.max(-1, (2 * half) / last - 1).toFixed(3);
    slider.max = 1;
    slider.value = known.threshold;
    const set = (value) => {
      threshold = value;
      byId("calibrated").hidden = value === known.threshold;
      showThreshold();
    };
    slider.addEventListener("input", () => set(Number(slider.value)));
    byId("calibrated").addEventListener("click", () => {
      slider.value = known.threshold;
      set(known.threshold);
    });
  }
  threshold = known.threshold;
  showThreshold();
}

// ---- photos that are given

async function give(file) {
  if (file.size > about.largest) {
    throw new Error(`${file.name} has more than ${about.largest / 2 ** 20} MB; shrink it, or cut the person out.`);
  }
  const address = `/given?${new URLSearchParams({ name: file.name })}`;
  return ask(address, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
}

// Shows the people of a given photo; where there are several, one is chosen.
function choose(place, given, use) {
  const [first] = given;
  const buttons = given.map((photo) => {
    const button = element("button", "", { type: "button", class: "tile query" });
    button.append(element("img", "", { src: `/given/${photo.key}/thumbnail`, alt: photo.name }));
    button.append(nameOf(photo));
    if (given.length > 1) {
      button.addEventListener("click", () => pick(photo));
    } else {
      button.disabled = true;
    }
    return button;
  });
  const pick = (photo) => {
    buttons.forEach((button, number) => button.setAttribute("aria-pressed", given[number] === photo));
    attempt(() => use(photo));
  };
  const words = given.length > 1 ? `${given.length} people are on this photo; choose one.` : first.hint;
  byId(place).replaceChildren(...(words ? [element("p", words)] : []), ...buttons);
  return pick(first);
}

// Takes what is given for a place, unless another photo has been given there meanwhile: an earlier one may take longer.
async function latest(place, giving, take) {
  const number = (givings[place] = (givings[place] ?? 0) + 1);
  const given = await giving;
  if (number === givings[place]) take(given);
}

function listen(name, take) {
  const area = byId(`drop-${name}`);
  const input = byId(`${name}-file`);
  const use = (files) =>
    files.length &&
    attempt(async () => {
      await latest(name, give(files[0]), take);
      if (files.length > 1) throw new Error(`One photo at a time: of ${files.length} photos, ${files[0].name} was taken.`);
    });
  input.addEventListener("change", () => {
    use([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
  for (const event of ["dragover", "dragenter"]) {
    area.addEventListener(event, (drag) => {
      drag.preventDefault();
      area.classList.add("over");
    });
  }
  for (const event of ["dragleave", "drop"]) area.addEventListener(event, () => area.classList.remove("over"));
  area.addEventListener("drop", (drag) => {
    drag.preventDefault();
    use([...drag.dataTransfer.files]);
  });
}

// ---- search

function startQuery(given) {
  choose("query", given, (photo) => {
    query = photo;
    count = PAGE;
    byId("own-camera").hidden = photo.camera === null;
    byId("own-camera-text").textContent = `leave out the query's own camera, ${photo.camera}`;
    if (photo.camera === null) byId("not-query-camera").checked = false;
    byId("filters").hidden = byId("cameras").hidden && byId("own-camera").hidden && byId("times").hidden;
    return search();
  });
}

async function search() {
  if (!query) return;
  const number = ++lastSearch;
  const parameters = new URLSearchParams({ k: count });
  for (const box of byId("cameras").querySelectorAll("input:checked")) parameters.append("camera", box.value);
  if (byId("not-query-camera").checked) parameters.set("not_query_camera", true);
  for (const time of ["after", "before"]) if (byId(time).value) parameters.set(time, byId(time).value);
  try {
    const answer = await ask(`/given/${query.key}/hits?${parameters}`);
    if (number !== lastSearch) return;
    showHits(answer.hits, answer.searched);
    showNotes(answer.notes);
  } catch (error) {
    if (number !== lastSearch) return;
    showHits([], 0);
    byId("verdict").textContent = "";
    throw error;
  }
}

function showHits(found, among) {
  hits = found;
  searched = among;
  byId("hits").replaceChildren(...hits.map(tile));
  byId("more").hidden = hits.length < count || hits.length >= Math.min(among, MOST);
  showThreshold();
  if (!about.calibration) mark();
}

function tile(hit, rank) {
  const made = element("div", "", { class: "tile" });
  const link = element("a", "", { href: `/gallery/${hit.photo}`, target: "_blank", rel: "noopener" });
  link.append(element("img", "", { src: `/gallery/${hit.photo}/thumbnail`, alt: hit.name, loading: "lazy" }));
  made.append(link, element("span", "", { class: "side" }), element("span", `similarity ${hit.similarity.toFixed(3)}`));
  if (about.calibration) made.append(element("span", `same person ${hit.chance}`));
  const place = [hit.camera === null ? "" : `camera ${hit.camera}`, hit.time || ""].filter(Boolean);
  for (const line of place) made.append(element("span", line));
  made.append(nameOf(hit));
  const again = element("button", "search for this", { type: "button" });
  again.addEventListener("click", () => {
    attempt(() => latest("query", ask(`/given/gallery/${hit.photo}`, { method: "POST" }), startQuery));
    byId("title").scrollIntoView();
  });
  made.append(again);
  made.dataset.rank = rank + 1;
  return made;
}

// Says which of the hits are above the threshold.
function mark() {
  let above = 0;
  for (const [number, made] of [...byId("hits").children].entries()) {
    const isAbove = threshold !== null && hits[number].similarity >= threshold;
    above += isAbove;
    made.classList.toggle("above", isAbove);
    const words = threshold === null ? "" : isAbove ? " above threshold" : " below threshold";
    made.querySelector(".side").textContent = `${made.dataset.rank}.${words}`;
  }
  byId("verdict").textContent = !query || !hits.length ? (query ? "No photo was searched: the filters leave none." : "") : verdict(above);
}

function verdict(above) {
  const among = `the ${hits.length} most similar of ${photosOf(searched)}`;
  if (threshold === null) return `These are ${among}. No threshold is known: the index is not calibrated.`;
  if (!above) return `Nobody here: the best similarity in ${photosOf(searched)}, ${hits[0].similarity.toFixed(3)}, is below the threshold.`;
  return `${above} of ${among} ${above === 1 ? "is" : "are"} above the threshold: look at ${above === 1 ? "it" : "them"}.`;
}

// ---- same person?

async function compare() {
  const { one, other } = pair;
  comparison = null; // it was of other photos
  byId("comparison").textContent = "";
  if (!one || !other) return;
  const answer = await ask(`/given/${one.key}/compare/${other.key}`);
  if (one === pair.one && other === pair.other) comparison = answer;
  showComparison();
}

function showComparison() {
  if (!comparison) return;
  const { similarity, chance, prior } = comparison;
  const words = [`Similarity ${similarity.toFixed(3)}:`];
  if (threshold === null) {
    words.push("what that means is not known, as the index is not calibrated.");
  } else {
    words.push(`${similarity >= threshold ? "above" : "below"} the threshold ${threshold.toFixed(3)}.`);
    if (about.calibration.rates) {
      const { shown, trueMatch } = ratesAt(similarity);
      words.push(`Of the pairs of two people, ${shown} are as similar or more; of the pairs of one person, ${percent(trueMatch)}.`);
    }
    words.push(`Chance that both photos show one person: ${chance}, if it was ${percent(prior)} before looking.`);
  }
  byId("comparison").textContent = words.join(" ");
}

function turnTo(name) {
  for (const each of ["search", "compare"]) {
    byId(each).hidden = each !== name;
    byId(`show-${each}`).setAttribute("aria-pressed", each === name);
  }
  show(null);
}

function showNotes(lines) {
  byId("notes").replaceChildren(...lines.map((line) => element("p", line)));
}

// ---- start

function startFilters() {
  const cameras = byId("cameras");
  for (const [name, photos] of about.cameras) {
    const label = element("label");
    label.append(element("input", "", { type: "checkbox", value: name }), ` ${name} (${photos.toLocaleString("en")})`);
    cameras.append(label);
  }
  cameras.hidden = !about.cameras.length;
  byId("times").hidden = !about.times;
  byId("filters").hidden = cameras.hidden && byId("times").hidden;
  byId("filters").addEventListener("change", () => {
    count = PAGE;
    attempt(search);
  });
}

async function start() {
  about = await ask("/about");
  byId("title").textContent = document.title = `Search in ${about.gallery}`;
  const cameras = about.cameras.length ? `, ${about.cameras.length} cameras` : "";
  const times = about.times ? `, ${about.times.join(" to ")}` : "";
  byId("about").textContent = `${photosOf(about.photos)}${cameras}${times}. Encoder: ${about.encoder}.`;
  byId("synthetic").hidden = !about.synthetic;
  showNotes(about.notes);
  startThreshold();
  startFilters();
  listen("query", startQuery);
  for (const name of ["one", "other"]) {
    listen(name, (given) =>
      choose(name, given, (photo) => {
        pair[name] = photo;
        return compare();
      }),
    );
  }
  byId("more").addEventListener("click", () => {
    count = Math.min(MOST, count + PAGE);
    attempt(search);
  });
  for (const each of ["search", "compare"]) byId(`show-${each}`).addEventListener("click", () => turnTo(each));
  // A photo that is dropped beside the field is not opened in place of the page.
  for (const event of ["dragover", "drop"]) document.addEventListener(event, (drag) => drag.preventDefault());
}

attempt(start);
