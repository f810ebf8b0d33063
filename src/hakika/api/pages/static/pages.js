// The page works without this. With it the outcome appears at once, time is counted, and receipts are shared.
"use strict";
(() => {
  const AGAIN_MS = [500, 1000, 2000, 5000];
  const screen = () => document.getElementById("screen");
  const all = (what) => screen().querySelectorAll(what);
  let offset = 0; // the server's time against ours
  let patience = new AbortController();

  const now = () => Date.now() + offset;
  const rest = (ms) => new Promise((done) => setTimeout(done, ms));

  function count() {
    let over = false;
    for (const shown of all("[data-left]")) {
      const left = Math.max(0, Math.ceil((shown.dataset.left - now()) / 1000));
      if (shown.textContent !== String(left)) shown.textContent = left;
      over ||= left === 0 && !shown.dataset.over;
      if (left === 0) shown.dataset.over = "1";
    }
    for (const bar of all("progress[data-until]")) bar.value = Math.max(0, bar.dataset.until - now());
    for (const button of all("button[data-from]")) button.disabled = now() < Number(button.dataset.from);
    if (over) patience.abort(); // the next screen may be due
  }

  function settle() {
    const shown = screen();
    offset = Number(shown.dataset.now || Date.now()) - Date.now();
    for (const button of all("[data-do]")) button.hidden = button.dataset.do === "share" && !navigator.share;
    for (const keys of all(".keys")) keys.hidden = false;
    if (shown.dataset.go) setTimeout(() => location.assign(shown.dataset.go), 2000);
    count();
  }

  function swap(html) {
    const focused = document.activeElement;
    const held = screen().contains(focused);
    const typed = [...all("input:not([type=hidden])")];
    const unfolded = all("details[open]").length > 0;
    const next = new DOMParser().parseFromString(html, "text/html").getElementById("screen");
    if (!next) throw new Error("no screen");
    const same = next.dataset.kind === screen().dataset.kind && next.dataset.version === screen().dataset.version;
    if (same && held) return;
    screen().replaceWith(next);
    // What was typed, and where, stays: a payer may be in the middle of it.
    for (const { id, value } of typed) if (value && next.querySelector(`#${id}`)) next.querySelector(`#${id}`).value = value;
    if (unfolded && next.querySelector("details")) next.querySelector("details").open = true;
    settle();
    if (same) return;
    const title = next.querySelector("h1");
    document.title = title.textContent;
    document.getElementById("said").textContent = `${title.textContent} ${next.querySelector(".text")?.textContent || ""}`;
    if (held) (typed.includes(focused) && next.querySelector(`#${focused.id}`) || title).focus();
  }

  async function follow() {
    for (let failures = 0; screen().dataset.follow;) {
      const { follow: url, version } = screen().dataset;
      const again = patience.signal.aborted;
      if (again) patience = new AbortController();
      const askedAt = Date.now();
      try {
        const answer = await fetch(`${url}&after=${again ? "" : encodeURIComponent(version)}`, { signal: patience.signal });
        if (answer.status === 200) swap(await answer.text());
        else if (answer.status !== 204) throw new Error(answer.status);
        else if (Date.now() - askedAt < 1000) await rest(2000); // too many are waiting: this one asks instead
        failures = 0;
      } catch (error) {
        if (error.name !== "AbortError") await rest(AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
      }
      const lost = document.getElementById("lost");
      lost.hidden = failures < 2;
      lost.textContent = lost.hidden ? "" : lost.dataset.text;
    }
  }

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (pressed?.dataset.do === "print") print();
    if (pressed?.dataset.do === "share") {
      const facts = [...all("dt")].map((name) => `${name.textContent}: ${name.nextElementSibling.textContent}`);
      navigator.share({ text: [pressed.dataset.text, ...facts].join("\n") }).catch(() => {});
    }
    if (pressed && "key" in pressed.dataset) {
      const amount = document.getElementById("amount");
      const text = pressed.dataset.key ? amount.value + pressed.dataset.key : amount.value.slice(0, -1);
      amount.value = text.replace(/^0+/, "").slice(0, amount.maxLength);
    }
  });
  document.addEventListener("submit", (event) => {
    // After the submission was put together: what is disabled is not sent.
    setTimeout(() => event.target.querySelectorAll("button").forEach((button) => (button.disabled = true)));
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload()); // what the back button shows is old

  document.querySelector("[aria-invalid]")?.focus();
  settle();
  setInterval(count, 250);
  follow();
})();
