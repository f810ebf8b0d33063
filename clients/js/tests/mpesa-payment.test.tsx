import axe from "axe-core";
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Payment } from "../src/index.js";
import { MpesaPayment, type MpesaPaymentProps, type Snapshot } from "../src/react.js";
import { closePages, open } from "./page.js";
import { declined, FakeStream, paid, payment, problem, serve, TICKET } from "./server.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  closePages();
  vi.useRealTimers();
});

const answered = (given: Partial<Payment> = {}) => ({
  status: 201,
  body: { ...payment({ stage: "queued", ...given }), ...TICKET },
});
const component = (given: Partial<MpesaPaymentProps> = {}) => (
  <MpesaPayment url="/api/pay" server="https://pay.example.com" order={{ cart: 7 }} amount={1200} language="en" {...given} />
);

/** A page whose payer has typed a phone and pressed Pay. */
async function paying(given: Partial<MpesaPaymentProps> = {}) {
  const server = serve(answered());
  const page = await open(component(given));
  await page.type("0712 345 678");
  await page.click();
  const hear = (heard: Payment) =>
    act(async () => {
      server.answer = heard;
      server.stream().say("payment", heard);
      await vi.advanceTimersByTimeAsync(0);
    });
  return { ...page, server, hear };
}

/** What axe-core finds; colours it cannot see here. */
async function faults(body: HTMLElement): Promise<string[]> {
  vi.useRealTimers();
  const { violations } = await axe.run(body, { rules: { region: { enabled: false } } });
  return violations.map(({ id, help }) => `${id}: ${help}`);
}

test("the form asks for the phone and says how much is paid, and has no accessibility fault", async () => {
  serve(null);
  const page = await open(component());
  expect(page.state()).toBe("idle");
  expect(page.body.querySelector("label")!.control).toBe(page.field());
  expect(page.button()!.textContent).toBe("Pay KES 1,200 with M-Pesa");
  expect(await faults(page.body)).toEqual([]);
});

test("paying: the form, asking, check your phone with the time left, the receipt", async () => {
  const { server, ...page } = await paying();
  expect(server.calls[0]).toMatchObject({ url: "/api/pay", body: { cart: 7, phone: "0712 345 678" } });
  expect(page.state()).toBe("asking");
  await page.hear(payment());
  expect(page.says("status")).toBe("Check your phoneM-Pesa asks 0712 345 678 for your PIN.");
  expect(page.says("timer")).toBe("60 s left to answer");
  await page.pass(13_000);
  expect(page.says("timer")).toBe("47 s left to answer");
  await page.hear(paid());
  expect(page.says("status")).toBe("KES 1,200 paid. Thank you!M-Pesa receipt: NLJ7RT61SV");
  expect(page.button()).toBeNull();
  expect(vi.getTimerCount()).toBe(0);
  expect(await faults(page.body)).toEqual([]);
});

test("when the time to answer is over, it confirms: it does not say failed", async () => {
  const page = await paying();
  await page.hear(payment());
  await page.pass(60_000);
  expect(page.state()).toBe("confirming");
  expect(page.says("status")).toContain("Please do not pay again.");
  expect(page.says("timer")).toBeNull();
});

test("the time left is the server's where the clocks agree, and 60 s where they cannot", async () => {
  const page = await paying();
  const began = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1000).toISOString();
  await page.hear(payment({ prompted_at: began(20) }));
  expect(page.says("timer")).toBe("40 s left to answer");
  await page.hear(payment({ stage: "queued" }));
  await page.hear(payment({ prompted_at: began(-3600) }));
  expect(page.says("timer")).toBe("60 s left to answer");
});

test.each<[string, Payment, string, string | null]>([
  ["cancelled", declined("cancelled"), "Cancelled", "Try again"],
  ["nobody answered", declined("expired", { code: "1037" }), "No answer", "Try again"],
  ["a wrong PIN", declined("failed", { code: "2001" }), "Not paid", "Try again"],
  ["asked twice", declined("failed", { code: "17", retry_after_s: 120 }), "Not paid", "Try again in 120 s"],
  ["a locked PIN", declined("failed", { code: "8006", retryable: false }), "Not paid", "Use another number"],
  ["a shop that cannot be paid", declined("failed", { code: "2028", retryable: false }), "Not paid", null],
  ["another amount", payment({ status: "mispaid", amount_received: 12 }), "Another amount arrived", null],
  ["nobody can tell", payment({ status: "unresolved" }), "Still unknown", null],
  ["sent back", payment({ status: "reversed" }), "Sent back", null],
])("%s: in plain words, with the one right next step", async (_, outcome, headline, next) => {
  const page = await paying();
  await page.hear({ ...outcome, updated_at: "2027-01-01T00:00:00.000Z" });
  const said = page.says("status")!;
  expect(said.startsWith(headline)).toBe(true);
  expect(said).not.toMatch(/[{}|]|undefined|null/);
  if (outcome.failure) expect(said).toContain(outcome.failure.message);
  expect(page.button()?.textContent ?? null).toBe(next);
  expect(vi.getTimerCount()).toBe(next?.includes("120") ? 1 : 0); // only what counts down goes on
  expect(await faults(page.body)).toEqual([]);
});

test("a wait counts down, and then the button works", async () => {
  const page = await paying();
  await page.hear(declined("failed", { code: "17", retry_after_s: 120 }));
  expect(page.button()!.disabled).toBe(true);
  await page.pass(119_000);
  expect(page.button()!.textContent).toBe("Try again in 1 s");
  await page.pass(1_000);
  expect([page.button()!.textContent, page.button()!.disabled]).toEqual(["Try again", false]);
});

test("trying again keeps the phone, sends another request with another key, and shows nothing of the old one", async () => {
  const { server, ...page } = await paying();
  await page.hear(declined("cancelled"));
  await page.click();
  expect([page.state(), page.field()!.value, page.says("alert")]).toEqual(["idle", "0712 345 678", ""]);
  expect(document.activeElement).toBe(page.field());
  server.answer = { status: 201, body: { ...payment({ stage: "queued" }), id: "pay_2", client_secret: "pcs_2" } };
  await page.click();
  expect(server.stream().url).toContain("pay_2/stream?client_secret=pcs_2");
  const keys = server.calls.filter(({ method }) => method === "POST").map(({ headers }) => headers["Idempotency-Key"]);
  expect(new Set(keys).size).toBe(2);
});

test("after 2 min it is still unknown, says not to pay again, and looks again when asked to", async () => {
  const { server, ...page } = await paying();
  await page.hear(payment());
  await page.pass(121_000);
  expect(page.says("status")).toBe(
    "Still unknownThe money may have left. Please do not pay again: ask about order-7.",
  );
  expect(page.button()!.textContent).toBe("Look again");
  expect(await faults(page.body)).toEqual([]);
  vi.useFakeTimers();
  const streams = FakeStream.all.length;
  await page.click();
  expect(FakeStream.all).toHaveLength(streams + 1);
  await act(async () => server.stream().say("payment", paid()));
  expect(page.state()).toBe("completed");
});

test("a double click sends one request, with one idempotency key", async () => {
  const server = serve(answered());
  const page = await open(component({ phone: "0712345678" }));
  await page.click(2);
  expect(server.calls.filter(({ method }) => method === "POST")).toHaveLength(1);
});

test("after silence the next click repeats the same request; after a refusal it is another", async () => {
  const server = serve(new TypeError("Failed to fetch"));
  const page = await open(component({ phone: "0712345678" }));
  await page.click();
  expect(page.says("alert")).toBe("That did not work. Please try again.");
  server.answer = problem(503, "store_unavailable");
  await page.click();
  server.answer = problem(409, "idempotency_key_in_flight");
  await page.click();
  server.answer = problem(422, "invalid_phone");
  await page.click();
  server.answer = answered();
  await page.click();
  const keys = server.calls.filter(({ method }) => method === "POST").map(({ headers }) => headers["Idempotency-Key"]);
  expect(new Set(keys.slice(0, 4)).size).toBe(1);
  expect(keys[4]).not.toBe(keys[0]);
});

test.each([
  ["invalid_phone", 422, {}, "That is not a Kenyan mobile number. Write it like 0712 345 678.", true],
  ["payer_busy", 409, { retry_after: 61 }, "This phone is answering another request. Wait 61 s.", false],
  ["repeated_too_soon", 409, { retry_after: 9 }, "M-Pesa allows the same amount only once in two minutes. Wait 9 s.", false],
  ["reference_in_use", 409, {}, "It is being paid, or paid. Please do not pay again.", false],
  ["no words for this", 500, {}, "That did not work. Please try again.", false],
])("refused as %s: the form says why, at once, and keeps the phone", async (code, status, more, text, invalid) => {
  serve(problem(status, code, more));
  const page = await open(component({ phone: "0712345678" }));
  await page.click();
  expect([page.state(), page.says("alert"), page.field()!.value]).toEqual(["idle", text, "0712345678"]);
  expect(page.field()!.getAttribute("aria-invalid")).toBe(String(invalid));
  expect(page.body.querySelector(`[id="${page.field()!.getAttribute("aria-describedby")}"]`)!.textContent).toBe(text);
  expect(await faults(page.body)).toEqual([]);
});

test("a refusal that passes by itself is taken back when it has passed", async () => {
  serve(problem(409, "payer_busy", { retry_after: 3 }));
  const page = await open(component({ phone: "0712345678" }));
  await page.click();
  await page.pass(2_000);
  expect(page.says("alert")).toContain("Wait 1 s.");
  await page.pass(1_000);
  expect(page.says("alert")).toBe("");
});

test("in Swahili, every state is in Swahili", async () => {
  const page = await paying({ language: "sw" });
  await page.hear(payment());
  expect(page.body.querySelector("section")!.lang).toBe("sw");
  expect(page.says("status")).toBe("Angalia simu yakoM-Pesa inaomba PIN yako kwenye 0712 345 678.");
  expect(page.says("timer")).toBe("zimebaki sekunde 60 za kujibu");
  await page.hear(paid());
  expect(page.says("status")).toBe("KES 1,200 imelipwa. Asante!Risiti ya M-Pesa: NLJ7RT61SV");
});

test("the language is the browser's where none is given", async () => {
  serve(null);
  vi.spyOn(navigator, "language", "get").mockReturnValue("sw-KE");
  const page = await open(<MpesaPayment url="/api/pay" order={{}} amount={1200} />);
  expect(page.button()!.textContent).toBe("Lipa KES 1,200 kwa M-Pesa");
});

test("another language in the middle changes the words, and why it failed is asked for again", async () => {
  const { server, ...page } = await paying();
  await page.hear(declined("cancelled", { message: "You cancelled." }));
  const swahili = declined("cancelled", { message: "Umeghairi." });
  server.answer = swahili;
  await page.render(component({ language: "sw" }));
  await act(async () => {
    server.stream().say("payment", swahili);
    await vi.advanceTimersByTimeAsync(0);
  });
  expect(page.says("status")).toBe("ImeghairiwaUmeghairi.");
  expect(server.calls.at(-1)!.headers["Accept-Language"]).toBe("sw");
});

test("whoever comes back with a ticket goes on where it was, and nothing is asked for again", async () => {
  const server = serve(payment());
  const page = await open(component({ ticket: TICKET }));
  expect([page.field(), page.state()]).toEqual([null, "asking"]);
  await act(async () => server.stream().say("payment", paid()));
  expect(page.state()).toBe("completed");
  expect(server.calls).toEqual([]);
});

test("a receipt that comes later is shown when it comes", async () => {
  const { server, ...page } = await paying();
  await page.hear(payment({ status: "completed", stage: null }));
  expect(page.says("status")).toContain("M-Pesa receipt: …");
  server.answer = paid();
  await page.pass(25_000);
  expect(page.says("status")).toContain("M-Pesa receipt: NLJ7RT61SV");
});

test("leaving the page stops everything", async () => {
  const { server, ...page } = await paying();
  await page.hear(payment());
  page.close();
  expect(FakeStream.all.every(({ closed }) => closed)).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
  const before = server.calls.length;
  await vi.advanceTimersByTimeAsync(300_000);
  expect(server.calls).toHaveLength(before);
});

test("leaving the page while the backend is asked begins nothing afterwards", async () => {
  const server = serve(answered());
  const page = await open(component({ phone: "0712345678" }));
  act(() => page.button()!.click());
  page.close();
  await vi.advanceTimersByTimeAsync(300_000);
  expect([server.calls.length, FakeStream.all.length, vi.getTimerCount()]).toEqual([1, 0, 0]);
});

test("where the form or the outcome had the focus, what takes its place has it", async () => {
  const page = await paying();
  expect(document.activeElement).toBe(page.body.querySelector("strong"));
  await page.hear(declined("cancelled"));
  await page.click();
  expect(document.activeElement).toBe(page.field());
});

test("onChange is told every change, and the secret is neither there nor on the page", async () => {
  const onChange = vi.fn();
  const page = await paying({ onChange });
  await page.hear(payment());
  await page.hear(paid());
  const told = onChange.mock.calls.map(([snapshot]) => (snapshot as Snapshot).state);
  expect(told.filter((state, index) => state !== told[index - 1])).toEqual(["idle", "asking", "pending", "completed"]);
  expect(JSON.stringify(onChange.mock.calls) + document.documentElement.outerHTML).not.toContain("pcs_");
  expect(localStorage.length + sessionStorage.length).toBe(0);
  expect(location.href + document.cookie).not.toContain("pcs_");
});
