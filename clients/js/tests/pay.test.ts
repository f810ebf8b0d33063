import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HakikaError, newKey, pay } from "../src/index.js";
import { payment, problem, serve, TICKET } from "./server.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ORDER = { cart: 7, phone: "0712 345 678" };
const answered = () => ({ status: 201, body: { ...payment({ stage: "queued" }), ...TICKET } });

test("pay posts the order to the merchant's backend, with an idempotency key and no authority of its own", async () => {
  const server = serve(answered());
  const made = await pay("/api/pay", ORDER, { language: "sw", headers: { "X-CSRF-Token": "t" } });
  expect(made).toMatchObject({ id: "pay_1", status: "pending", client_secret: "pcs_secret" });
  expect(server.calls).toMatchObject([{ url: "/api/pay", method: "POST", body: ORDER }]);
  const { headers } = server.calls[0]!;
  expect(headers).toMatchObject({ "Content-Type": "application/json", "Accept-Language": "sw", "X-CSRF-Token": "t" });
  expect(headers["Idempotency-Key"]).toMatch(/^[\d-]{7,43}$/);
  expect(headers).not.toHaveProperty("Authorization");
});

test("calls with a key that is under way share one request; later ones repeat it with the same key", async () => {
  const server = serve(answered());
  const [first, second] = await Promise.all([1, 2].map(() => pay("/api/pay", ORDER, { idempotencyKey: "k" })));
  expect(first).toBe(second);
  expect(server.calls).toHaveLength(1);
  await pay("/api/pay", ORDER, { idempotencyKey: "k" });
  expect(server.calls.map(({ headers }) => headers["Idempotency-Key"])).toEqual(["k", "k"]);
});

test("no two keys are the same", () => {
  expect(new Set(Array.from({ length: 1000 }, newKey)).size).toBe(1000);
});

test("a refusal is an error with every field of its problem document", async () => {
  const refused = problem(409, "payer_busy", { retry_after: 61, payment: "pay_0" });
  serve(refused);
  const error: unknown = await pay("/api/pay", ORDER).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(HakikaError);
  expect(error).toMatchObject(refused.body as object);
  expect((error as Error).message).toBe("It is payer_busy.");
});

test("the status is the answer's, whatever a backend's JSON says", async () => {
  serve({ status: 500, body: { status: "error", message: "oops" } });
  await expect(pay("/api/pay", ORDER)).rejects.toMatchObject({ code: "unexpected_answer", status: 500 });
});

test("a backend that does not hand on the client_secret is told so", async () => {
  serve({ status: 201, body: payment() });
  await expect(pay("/api/pay", ORDER)).rejects.toThrow("No client_secret.");
});

test("a backend that hangs is unreachable after 30 s, and what it means for the money is unknown", async () => {
  serve(null);
  const asked = expect(pay("/api/pay", ORDER)).rejects.toMatchObject({ code: "unreachable", money: "Unknown." });
  await vi.advanceTimersByTimeAsync(30_000);
  await asked;
  expect(vi.getTimerCount()).toBe(0);
});
