// The phones of the simulator. Everything from the network is shown as text, never as HTML: a merchant's reference
// is whatever an attacker wants it to be.
"use strict";

const TEXTS = {
  en: {
    other: "Kiswahili", title: "Phones", notice: "Simulator: no real money", empty: "No phone is ringing.",
    hint: "Ask any Kenyan number for money through this simulator, and its phone appears here.",
    trouble: "Make something go wrong", trouble_label: "For what comes next", trouble_order: "Order it",
    ordered: "Ordered: ", lost: "The simulator does not answer. Is it still running?",
    payments: "All payments", requests: "All requests",
    ask: (phone) => `Do you want to pay KES ${money(phone)} to ${phone.to}?`,
    account: (phone) => (phone.till ? `Till ${phone.till}` : `Account: ${phone.reference}`),
    pin: "Choose what the payer does. Your real PIN is never asked for here.",
    left: (seconds) => `${seconds} s left`,
    pay: "Enter PIN and pay", wrong_pin: "Wrong PIN", cancel: "Cancel", no_funds: "No funds", ignore: "Ignore",
    ignored: "Ignored: the prompt goes away by itself.", settling: "M-Pesa is working on it…",
    paid: (phone) => `${phone.receipt} Confirmed. KES ${money(phone)} paid to ${phone.to}.`,
    codes: { 1: "Not paid: not enough money.", 1032: "Not paid: you cancelled.", 2001: "Not paid: wrong PIN.",
      1037: "Not paid: nobody answered.", 17: "Not paid: the same amount was asked less than 2 minutes ago." },
    declined: (phone) => `Not paid: ${phone.result_text} (${phone.result_code})`,
  },
  sw: {
    other: "English", title: "Simu", notice: "Kiigaji: hakuna pesa halisi", empty: "Hakuna simu inayolia.",
    hint: "Omba malipo kwa nambari yoyote ya Kenya kupitia kiigaji hiki, na simu yake itaonekana hapa.",
    trouble: "Sababisha hitilafu", trouble_label: "Kwa kitakachofuata", trouble_order: "Agiza",
    ordered: "Imeagizwa: ", lost: "Kiigaji hakijibu. Je, bado kinafanya kazi?",
    payments: "Malipo yote", requests: "Maombi yote",
    ask: (phone) => `Je, ungependa kulipa KES ${money(phone)} kwa ${phone.to}?`,
    account: (phone) => (phone.till ? `Till ${phone.till}` : `Akaunti: ${phone.reference}`),
    pin: "Chagua anachofanya mlipaji. PIN yako halisi haiulizwi hapa kamwe.",
    left: (seconds) => `zimebaki sekunde ${seconds}`,
    pay: "Weka PIN ulipe", wrong_pin: "PIN si sahihi", cancel: "Ghairi", no_funds: "Hana salio", ignore: "Puuza",
    ignored: "Imepuuzwa: ujumbe utaondoka wenyewe.", settling: "M-Pesa inashughulikia…",
    paid: (phone) => `${phone.receipt} Imethibitishwa. KES ${money(phone)} imelipwa kwa ${phone.to}.`,
    codes: { 1: "Haijalipwa: salio halitoshi.", 1032: "Haijalipwa: umeghairi.", 2001: "Haijalipwa: PIN si sahihi.",
      1037: "Haijalipwa: hakuna aliyejibu.", 17: "Haijalipwa: kiasi hicho kiliombwa chini ya dakika 2 zilizopita." },
    declined: (phone) => `Haijalipwa: ${phone.result_text} (${phone.result_code})`,
  },
};
const ANSWERS = ["pay", "wrong_pin", "cancel", "no_funds", "ignore"];
const POLL_MS = 700;

const alone = location.pathname.match(/^\/simulator\/phone\/(\d+)$/)?.[1];
const shown = new Map();
const asked = new URLSearchParams(location.search).get("language") ?? localStorage.getItem("language");
let language = asked === "sw" ? "sw" : "en";

const byId = (id) => document.getElementById(id);
const money = (phone) => phone.amount.toLocaleString("en-KE");
const local = (msisdn) => `0${msisdn.slice(3, 6)} ${msisdn.slice(6, 9)} ${msisdn.slice(9)}`;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  return answer.json();
}

function drawDialog(phone, texts) {
  const dialog = element("div", "dialog");
  dialog.append(element("p", "ask", texts.ask(phone)), element("p", "", texts.account(phone)));
  dialog.append(element("p", "small", phone.ignored ? texts.ignored : texts.pin));
  const life = element("progress");
  life.max = phone.life_ms;
  const left = element("p", "small left");
  left.setAttribute("aria-live", "off");
  dialog.append(life, left);
  const answers = element("div", "answers");
  for (const answer of ANSWERS) {
    const button = element("button", answer, texts[answer]);
    button.type = "button";
    button.addEventListener("click", async () => {
      for (const each of answers.children) each.disabled = true;
      await post(`/simulator/phones/${phone.msisdn}/answer`, { answer }).catch(() => undefined);
      await refresh();
    });
    answers.append(button);
  }
  dialog.append(answers);
  return dialog;
}

function drawMessage(phone, texts) {
  if (phone.settling) {
    const message = element("div", "message");
    message.append(element("p", "", texts.settling));
    return message;
  }
  const message = element("div", `message ${phone.receipt ? "paid" : "declined"}`);
  const text = phone.receipt ? texts.paid(phone) : texts.codes[phone.result_code] ?? texts.declined(phone);
  message.append(element("p", "", text), element("p", "small", texts.account(phone)));
  return message;
}

function drawPhone(phone, texts) {
  const drawn = element("article", phone.rings ? "phone rings" : "phone");
  const screen = element("div", "screen");
  const number = element("h2", "number");
  const link = element("a", "", local(phone.msisdn));
  link.href = `/simulator/phone/${phone.msisdn}`;
  number.append(link);
  screen.append(number, phone.rings ? drawDialog(phone, texts) : drawMessage(phone, texts));
  drawn.append(screen);
  return drawn;
}

// A phone is drawn again only when something other than the time left has changed: a button keeps its focus.
function drawPhones(phones) {
  const texts = TEXTS[language];
  const wanted = new Set(phones.map((phone) => phone.msisdn));
  for (const [msisdn, kept] of shown) {
    if (!wanted.has(msisdn)) { kept.drawn.remove(); shown.delete(msisdn); }
  }
  phones.forEach((phone, place) => {
    const { left_ms: left, ...rest } = phone;
    const state = JSON.stringify([language, rest]);
    let kept = shown.get(phone.msisdn);
    if (kept?.state !== state) {
      const drawn = drawPhone(phone, texts);
      kept?.drawn.remove();
      kept = { state, drawn };
      shown.set(phone.msisdn, kept);
    }
    const standing = byId("phones").children[place] ?? null;
    if (standing !== kept.drawn) byId("phones").insertBefore(kept.drawn, standing);
    if (phone.rings) {
      kept.drawn.querySelector("progress").value = left;
      kept.drawn.querySelector(".left").textContent = texts.left(Math.ceil(left / 1000));
    }
  });
  byId("empty").hidden = phones.length > 0;
}

async function refresh() {
  try {
    const { phones } = await (await fetch("/simulator/phones")).json();
    drawPhones(phones.filter((phone) => !alone || phone.msisdn === alone));
    byId("lost").hidden = true;
  } catch {
    byId("lost").hidden = false;
  }
}

function speak() {
  const texts = TEXTS[language];
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = texts[each.dataset.text];
  byId("language").textContent = texts.other;
  byId("language").lang = language === "sw" ? "en" : "sw";
}

async function listFaults() {
  const { known } = await (await fetch("/simulator/faults")).json();
  for (const { fault, doc } of known) {
    const option = element("option", "", doc);
    option.value = fault;
    byId("fault").append(option);
  }
}

byId("language").addEventListener("click", () => {
  language = language === "sw" ? "en" : "sw";
  localStorage.setItem("language", language);
  speak();
  refresh();
});
document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const fault = byId("fault").value;
  const answer = await post("/simulator/next", { fault }).catch(() => ({ error: TEXTS[language].lost }));
  byId("ordered").textContent = answer.error ?? TEXTS[language].ordered + byId("fault").selectedOptions[0].textContent;
});

document.body.classList.toggle("alone", Boolean(alone));
document.body.classList.toggle("framed", window.self !== window.top);
speak();
listFaults().catch(() => undefined);
refresh();
setInterval(refresh, POLL_MS);
