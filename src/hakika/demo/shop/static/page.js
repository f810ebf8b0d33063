// The shop's page. It knows no API key: it talks to its own backend, and hears from Hakika, with the client_secret of one
// payment, that this payment has changed. All that comes from outside is shown as text, never as HTML. An order's id is
// in the address, so a page that is loaded again goes on where it was.
"use strict";

const LOOK_AGAIN_MS = 500;
const LOOKS_AFTER_THE_END = 20;
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);
const saved = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const save = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private browsing */ } };

let language = saved("language") === "sw" ? "sw" : "en";
let shelf = null;
let order = null;
let entries = null;
let refusal = null;
let watching = null;
let stream = null;
let looks = 0;
let heardAt = 0;
const words = () => WORDS[language];
const say = (text, ...given) => (typeof text === "function" ? text(...given) : text);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function picture(name) {
  const made = document.createElementNS(SVG, "svg");
  made.append(document.createElementNS(SVG, "use"));
  made.firstChild.setAttribute("href", `/shop/static/pictures.svg#${name}`);
  made.setAttribute("aria-hidden", "true");
  made.setAttribute("class", "picture");
  return made;
}

async function ask(path, options) {
  const headers = { ...options?.headers, "Accept-Language": language };
  const response = await fetch(`/shop/${path}`, { ...options, headers });
  return { ok: response.ok, status: response.status, body: await response.json().catch(() => ({})) };
}

const msisdn = () => {
  const digits = byId("phone").value.replace(/\D/g, "").replace(/^(00)?254/, "").replace(/^0/, "");
  return /^[17]\d{8}$/.test(digits) ? `254${digits}` : null;
};
const local = (phone) => `0${phone.slice(3, 6)} ${phone.slice(6, 9)} ${phone.slice(9)}`;
const goodOf = (id) => shelf.goods.find((good) => good.id === id);
const nameOf = (good) => (language === "sw" ? good.name_sw : good.name);
const chosen = () => goodOf(document.querySelector("#goods input:checked")?.value) ?? shelf.goods[0];

function phoneAddress(phone) {
  return `http://${location.hostname}:${shelf.simulator_port}/simulator/phone/${phone}?language=${language}`;
}

function showPhone() {
  const phone = order?.phone ?? msisdn();
  if (!phone || !shelf) return;
  const address = phoneAddress(phone);
  byId("open-phone").href = address;
  if (byId("phone-screen").getAttribute("src") !== address) byId("phone-screen").src = address;
}

function drawGoods() {
  const before = document.querySelector("#goods input:checked")?.value ?? shelf.goods[0].id;
  byId("goods").replaceChildren(...shelf.goods.map((good) => {
    const label = element("label", "good");
    const radio = element("input");
    Object.assign(radio, { type: "radio", name: "good", value: good.id, checked: good.id === before });
    const text = element("span");
    text.append(element("span", "name", nameOf(good)), element("span", "price", kes(good.price)));
    label.append(radio, picture(good.id), text);
    return label;
  }));
}

const leftToAnswer = () => Math.max(0, order.left_s - Math.floor((Date.now() - heardAt) / 1000));

function drawRefusal() {
  const text = refusal && words().refused[refusal.code];
  const left = refusal?.until && Math.max(0, Math.ceil((refusal.until - Date.now()) / 1000));
  if (refusal && left === 0) refusal = null;
  byId("refused").hidden = !refusal;
  if (!refusal) return;
  byId("refused").textContent = text ? say(text, left) : say(words().refused.other, refusal);
}

function drawShop() {
  byId("pay").textContent = byId("pay").disabled ? words().asking : words().pay(chosen().price);
  drawRefusal();
}

// What to show for each status: class, picture, headline, explanation, the one next step.
function stateOf() {
  const say_ = words();
  const meaning = order.failure?.message;
  switch (order.status) {
    case "pending":
      if (order.stage === "prompted" && leftToAnswer()) return ["", "ringing", say_.check, say_.check_text(local(order.phone)), null];
      if (order.stage === "prompted" || order.stage === "unsure") return ["unsure", "waiting", say_.confirming, say_.confirming_text, null];
      return ["", "sending", say_.sending, say_.sending_text, null];
    case "completed": return ["paid", "paid", say_.paid, say_.paid_text, say_.more];
    case "mispaid": return ["unsure", "attention", say_.mispaid, say_.mispaid_text(order), say_.back];
    case "unresolved": return ["unsure", "attention", say_.unresolved, say_.unresolved_text(order), say_.back];
    default: return ["declined", "declined", say_.declined, meaning ?? "", say_.again];
  }
}

function drawFacts() {
  const names = words().facts;
  const good = goodOf(order.good);
  const receipt = order.receipt ?? (order.status === "completed" ? names.coming : null);
  const rows = [[names.receipt, receipt, "receipt"], [names.good, good && nameOf(good)], [names.amount, kes(order.amount)],
    [names.phone, local(order.phone)], [names.reference, order.reference]];
  byId("facts").replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value, className]) =>
    [element("dt", "", name), element("dd", className ?? "", value)]));
}

function drawOrder() {
  const [className, sign, headline, explanation, next] = stateOf();
  const pending = order.status === "pending";
  const left = leftToAnswer();
  const ringing = pending && order.stage === "prompted" && left > 0;
  const set = (id, text) => { if (byId(id).textContent !== text) byId(id).textContent = text; };
  byId("order-state").className = `card ${className}`;
  if (byId("sign").dataset.name !== sign) byId("sign").replaceChildren(picture(sign));
  byId("sign").dataset.name = sign;
  set("headline", headline);
  set("explanation", ringing ? `${explanation} ${words().left(left)}` : explanation);
  byId("life").hidden = !ringing;
  byId("life").value = left;
  byId("open-phone").hidden = !pending;
  byId("again").hidden = !next;
  byId("again").textContent = next ?? "";
  byId("tell").hidden = pending;
  byId("tell").textContent = entries ? words().hide : words().tell;
  byId("tell").setAttribute("aria-expanded", String(Boolean(entries)));
  drawFacts();
  drawHeard();
  drawTimeline();
}

function drawHeard() {
  const outcomes = order.heard.filter(({ type }) => type !== "payment.created");
  byId("heard").hidden = !outcomes.length;
  byId("heard").replaceChildren(...outcomes.map(({ type, at }) => {
    const parts = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
    const time = new Date(at).toLocaleTimeString("en-GB", parts);
    return element("li", "", words().heard(type, time));
  }));
}

function describe(entry) {
  const told = entry.code === null ? "" : say(words().told[entry.code] ?? words().told.other, entry.code);
  const receipt = entry.receipt ? words().receipt(entry.receipt) : "";
  const copies = entry.copies > 1 ? words().copies(entry.copies) : "";
  return say(words().said[entry.kind] ?? entry.kind, told) + receipt + copies;
}

function drawTimeline() {
  byId("timeline").hidden = !entries;
  if (!entries) return;
  const start = Date.parse(entries[0]?.at);
  byId("timeline").replaceChildren(...entries.map((entry) => {
    const line = element("li", entry.object);
    const after = ((Date.parse(entry.at) - start) / 1000).toFixed(1);
    line.append(element("span", "when", `+${after} s`), element("span", "", describe(entry)));
    return line;
  }));
}

function draw() {
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = words()[each.dataset.text];
  byId("language").textContent = words().other;
  byId("language").lang = language === "sw" ? "en" : "sw";
  byId("phone-screen").title = words().phone_title;
  if (!shelf) return;
  byId("order").hidden = Boolean(order);
  byId("order-state").hidden = !order;
  if (order) drawOrder();
  else { drawGoods(); drawShop(); }
  showPhone();
}

async function restock() {
  shelf = (await ask("shelf")).body;
}

// Hakika says when the payment has changed; what it now is, and in which words, the shop's own backend says.
function follow({ id, client_secret: secret }) {
  stop();
  watching = id;
  stream = new EventSource(`/v1/payments/${encodeURIComponent(id)}/stream?client_secret=${encodeURIComponent(secret)}`);
  stream.addEventListener("payment", () => look(id));
  const mine = stream;
  mine.addEventListener("end", () => mine.close());
  mine.addEventListener("error", () => {
    byId("lost").hidden = false;
    if (mine.readyState === EventSource.CLOSED) setTimeout(look, LOOK_AGAIN_MS, id);
  });
}

function stop() {
  stream?.close();
  stream = watching = null;
  looks = 0;
}

async function look(id) {
  try {
    const { ok, status, body } = await ask(`orders/${encodeURIComponent(id)}`);
    if (watching !== id) return;
    if (status === 404) { await leave(); return; }
    byId("lost").hidden = true;
    if (!ok) return;
    await heard(body);
    if (body.status === "pending" && (!stream || stream.readyState === EventSource.CLOSED)) follow(body);
    // The webhook reaches the shop's server about when the news reaches this page; a receipt may take longer.
    const whole = body.heard.some(({ type }) => type !== "payment.created") && (body.receipt || body.status !== "completed");
    if (body.status !== "pending" && !whole && looks++ < LOOKS_AFTER_THE_END) setTimeout(look, LOOK_AGAIN_MS, id);
  } catch {
    byId("lost").hidden = false;
    if (watching === id) setTimeout(look, LOOK_AGAIN_MS, id);
  }
}

async function heard(body) {
  const ended = order?.status === "pending" && body.status !== "pending";
  order = body;
  heardAt = Date.now();
  draw();
  if (ended) byId("headline").focus({ preventScroll: true });
}

async function leave() {
  stop();
  order = entries = refusal = null;
  history.replaceState(null, "", location.pathname);
  await restock();
  draw();
}

// Ask the backend for something that may be refused. → its answer, or null.
async function post(path, given) {
  const buttons = [byId("pay"), byId("hosted")];
  for (const each of buttons) each.disabled = true;
  refusal = null;
  drawShop();
  try {
    const { ok, body } = await ask(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given),
    });
    byId("lost").hidden = true;
    if (ok) return body;
    refusal = { ...body, until: body.retry_after ? Date.now() + body.retry_after * 1000 : null };
  } catch {
    byId("lost").hidden = false;
  } finally {
    for (const each of buttons) each.disabled = false;
    draw();
  }
  return null;
}

async function buy(event) {
  event.preventDefault();
  const made = await post("orders", { good: chosen().id, visit: shelf.visit, phone: byId("phone").value });
  if (!made) return;
  history.replaceState(null, "", `#${made.id}`);
  await heard(made);
  follow(made);
}

async function checkOut() {
  // Hakika's page is nobody's frame, and frames no phone: in the demo the phone gets a window of its own.
  if (msisdn()) open(phoneAddress(msisdn()), "_blank", "noopener,popup,width=400,height=640");
  const made = await post("checkouts", { good: chosen().id, visit: shelf.visit });
  if (made) location.assign(made.url);
}

// Back from Hakika's page: go on with the payment that was made there.
async function comeBack(reference) {
  const { body } = await ask(`checkouts/${encodeURIComponent(reference)}`);
  history.replaceState(null, "", body.payment ? `/shop#${body.payment}` : "/shop");
}

byId("order").addEventListener("submit", buy);
byId("hosted").addEventListener("click", checkOut);
byId("goods").addEventListener("change", () => { refusal = null; drawShop(); });
byId("phone").addEventListener("change", showPhone);
byId("again").addEventListener("click", async () => { await leave(); byId("pay").focus(); });
byId("tell").addEventListener("click", async () => {
  entries = entries ? null : (await ask(`orders/${encodeURIComponent(order.id)}/timeline`)).body.entries;
  drawOrder();
});
byId("language").addEventListener("click", () => {
  language = language === "sw" ? "en" : "sw";
  save("language", language);
  draw();
  if (order) look(order.id); // its words come from Hakika, in the language that is asked for
});
setInterval(() => { if (refusal?.until) drawRefusal(); if (order?.status === "pending") drawOrder(); }, 1000);

(async () => {
  try {
    await restock();
    const reference = new URLSearchParams(location.search).get("order");
    if (reference) await comeBack(reference);
  } catch {
    byId("lost").hidden = false;
  }
  draw();
  if (!location.hash.startsWith("#pay_")) return;
  watching = location.hash.slice(1);
  look(watching);
})();
