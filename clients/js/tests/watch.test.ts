import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HakikaError, poll, query, type Report, watch, type WatchOptions } from "../src/index.js";
import { declined, FakeStream, paid, payment, problem, serve, TICKET } from "./server.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0); // whatever was begun has stopped
  vi.useRealTimers();
});

const SERVER = "https://pay.example.com";
const states = (reports: Report[]) => reports.map(({ state }) => state);

function watching(options: WatchOptions = {}) {
  const reports: Report[] = [];
  const stop = watch(TICKET, (report) => reports.push(report), { server: SERVER, ...options });
  return { reports, stop };
}

test("query asks with the client_secret in a header, never in the address", async () => {
  const server = serve(paid());
  expect((await query(TICKET, { server: `${SERVER}/`, language: "sw" })).receipt).toBe("NLJ7RT61SV");
  expect(server.calls[0]).toMatchObject({
    url: `${SERVER}/v1/payments/pay_1`,
    headers: { Authorization: "Bearer pcs_secret", "Accept-Language": "sw" },
  });
});

test.each([
  ["a page of HTML", { status: 200, body: "<html>" }, "unexpected_answer"],
  ["JSON that is no payment", { status: 200, body: { status: "failed" } }, "unexpected_answer"],
  ["a gateway's error page", { status: 502, body: "Bad Gateway" }, "unexpected_answer"],
  ["a broken connection", new TypeError("Failed to fetch"), "unreachable"],
])("query takes %s for no outcome", async (_, answer, code) => {
  serve(answer);
  await expect(query(TICKET)).rejects.toMatchObject({ name: "HakikaError", code, money: "Unknown." });
});

test("query ends a connection that hangs after 10 s", async () => {
  serve(null);
  const asked = expect(query(TICKET)).rejects.toMatchObject({ code: "unreachable" });
  await vi.advanceTimersByTimeAsync(10_000);
  await asked;
});

test("query that is aborted raises the caller's reason", async () => {
  serve(null);
  const control = new AbortController();
  const asked = expect(query(TICKET, { signal: control.signal })).rejects.toThrow("left");
  control.abort(new Error("left"));
  await asked;
});

test("watch tells what the stream tells, at once, and asks nothing meanwhile", async () => {
  const server = serve(new Error("nobody asks"));
  const { reports } = watching();
  expect(server.stream().url).toBe(`${SERVER}/v1/payments/pay_1/stream?client_secret=pcs_secret`);
  server.stream().say("payment", payment());
  await vi.advanceTimersByTimeAsync(12_000);
  server.stream().say("payment", paid());
  await vi.advanceTimersByTimeAsync(0);
  expect(states(reports)).toEqual(["pending", "completed"]);
  expect(server.calls).toEqual([]);
  expect(server.stream().closed).toBe(true);
});

test("watch asks at once when the stream breaks, then every 5 s, and listens again when it mends", async () => {
  const server = serve(payment());
  const { reports, stop } = watching();
  server.stream().onerror!();
  await vi.advanceTimersByTimeAsync(0);
  expect(server.calls).toHaveLength(1);
  server.stream().onerror!(); // the browser tries again by itself, and fails
  await vi.advanceTimersByTimeAsync(10_000);
  expect(server.calls).toHaveLength(3);
  server.stream().say("payment", payment());
  await vi.advanceTimersByTimeAsync(15_000);
  expect(server.calls).toHaveLength(3);
  expect(new Set(states(reports))).toEqual(new Set(["pending"]));
  stop();
});

test("watch asks every 5 s where the browser has no streams", async () => {
  const server = serve(payment(), { streams: false });
  const { reports } = watching();
  await vi.advanceTimersByTimeAsync(9_999);
  expect(server.calls).toHaveLength(2);
  server.answer = paid();
  await vi.advanceTimersByTimeAsync(1);
  expect(states(reports)).toEqual(["pending", "pending", "completed"]);
});

test("watch does not trust a stream that has said nothing for 20 s", async () => {
  const server = serve(payment());
  const { reports } = watching();
  server.stream().say("payment", payment());
  server.answer = paid();
  await vi.advanceTimersByTimeAsync(19_999);
  expect(server.calls).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(states(reports)).toEqual(["pending", "completed"]);
});

test("after 2 min without certainty the state is unknown, after one last question, and never failed", async () => {
  const server = serve(payment());
  const { reports } = watching();
  server.stream().say("payment", payment());
  await vi.advanceTimersByTimeAsync(119_999);
  expect(states(reports)).not.toContain("unknown");
  const before = server.calls.length;
  await vi.advanceTimersByTimeAsync(1);
  expect(reports.at(-1)).toMatchObject({ state: "unknown", payment: { status: "pending" }, error: null });
  expect(server.calls).toHaveLength(before + 1);
  expect(server.stream().closed).toBe(true);
});

test.each([
  ["a broken network", new TypeError("Failed to fetch")],
  ["a server in trouble", problem(503, "store_unavailable")],
  ["a proxy's page", { status: 504, body: "<html>" }],
])("2 min of %s end in unknown", async (_, answer) => {
  serve(answer, { streams: false });
  const { reports } = watching();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(states(reports)).toEqual(["unknown"]);
});

test("2 min of a server that hangs end in unknown, as soon as the last question is over", async () => {
  serve(null);
  const { reports } = watching();
  await vi.advanceTimersByTimeAsync(130_000);
  expect(states(reports)).toEqual(["unknown"]);
});

test("a page that slept in a pocket past the end asks before it speaks", async () => {
  const server = serve(new TypeError("asleep"));
  const { reports } = watching();
  await vi.advanceTimersByTimeAsync(119_000);
  server.answer = paid();
  vi.setSystemTime(Date.now() + 3_600_000);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(states(reports)).toEqual(["completed"]);
});

test("a refused client_secret ends the watch as unknown, with the reason", async () => {
  serve(problem(404, "not_found"));
  const { reports } = watching();
  FakeStream.all[0]!.onerror!();
  await vi.advanceTimersByTimeAsync(0);
  expect(reports).toMatchObject([{ state: "unknown", error: { code: "not_found", status: 404 } }]);
});

test("a server that asks to be left alone is", async () => {
  const server = serve(problem(429, "budget_spent", { retry_after: 30 }), { streams: false });
  const { stop } = watching();
  await vi.advanceTimersByTimeAsync(29_999);
  expect(server.calls).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(server.calls).toHaveLength(2);
  stop();
});

test("an answer that was overtaken on its way changes nothing", async () => {
  const server = serve(null);
  const { reports, stop } = watching();
  const [older, newer] = [payment(), payment({ stage: "unsure" })];
  server.stream().say("payment", newer);
  server.stream().say("payment", older);
  await vi.advanceTimersByTimeAsync(0);
  expect(reports).toHaveLength(1);
  stop();
});

test("a success without a receipt is told at once, and again when the receipt comes", async () => {
  const early = payment({ status: "completed", stage: null });
  const server = serve(early);
  const { reports } = watching();
  server.stream().say("payment", early);
  server.stream().say("end");
  await vi.advanceTimersByTimeAsync(0);
  expect(server.stream().closed).toBe(true);
  server.answer = paid();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(reports.map((report) => report.payment?.receipt)).toEqual([null, null, "NLJ7RT61SV"]);
});

test("a success whose receipt never comes stays a success", async () => {
  serve(payment({ status: "completed", stage: null }), { streams: false });
  const { reports } = watching();
  await vi.advanceTimersByTimeAsync(200_000);
  expect(new Set(states(reports))).toEqual(new Set(["completed"]));
});

test("why it failed is told in the page's language, not the browser's", async () => {
  const server = serve(declined("cancelled", { message: "Umeghairi malipo." }));
  const { reports } = watching({ language: "sw" });
  server.stream().say("payment", declined("cancelled", { message: "You cancelled." }));
  await vi.advanceTimersByTimeAsync(0);
  expect(reports).toMatchObject([{ state: "cancelled", payment: { failure: { message: "Umeghairi malipo." } } }]);
});

test("why it failed is told in the browser's language where the page's cannot be had", async () => {
  const server = serve(new TypeError("Failed to fetch"));
  const { reports } = watching({ language: "sw" });
  server.stream().say("payment", declined("cancelled", { message: "You cancelled." }));
  await vi.advanceTimersByTimeAsync(0);
  expect(reports).toMatchObject([{ state: "cancelled", payment: { failure: { message: "You cancelled." } } }]);
});

test("stopping closes the stream, aborts what is being asked, and nothing is told afterwards", async () => {
  const server = serve(null);
  const { reports, stop } = watching();
  server.stream().onerror!();
  stop();
  server.stream().say("payment", paid());
  await vi.advanceTimersByTimeAsync(200_000);
  expect(reports).toEqual([]);
  expect(server.calls).toHaveLength(1);
  expect(server.stream().closed).toBe(true);
});

test("poll asks every 5 s and gives the outcome", async () => {
  const server = serve(payment());
  const onReport = vi.fn();
  const outcome = poll(TICKET, { onReport });
  await vi.advanceTimersByTimeAsync(5_000);
  server.answer = paid();
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await outcome).state).toBe("completed");
  expect(onReport).toHaveBeenCalledTimes(3);
  expect(FakeStream.all).toEqual([]);
});

test("poll gives unknown after 2 min, and raises a refusal", async () => {
  const server = serve(payment());
  const outcome = poll(TICKET);
  await vi.advanceTimersByTimeAsync(120_000);
  expect((await outcome).state).toBe("unknown");
  server.answer = problem(403, "client_secret_refused");
  await expect(poll(TICKET)).rejects.toBeInstanceOf(HakikaError);
});

test("poll stops where its signal says so, also before it began", async () => {
  const server = serve(payment());
  const control = new AbortController();
  const outcome = expect(poll(TICKET, { signal: control.signal })).rejects.toThrow("left");
  await vi.advanceTimersByTimeAsync(0);
  control.abort(new Error("left"));
  await outcome;
  await expect(poll(TICKET, { signal: control.signal })).rejects.toThrow("left");
  await vi.advanceTimersByTimeAsync(200_000);
  expect(server.calls.length).toBeLessThanOrEqual(2);
});

test("the secret is in no error and on no console", async () => {
  const spies = (["log", "info", "warn", "error", "debug"] as const).map((name) => vi.spyOn(console, name));
  serve(problem(401, "not_authenticated"));
  const error: unknown = await query(TICKET).catch((refused: unknown) => refused);
  expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain("pcs_");
  const { reports } = watching();
  FakeStream.all[0]!.onerror!();
  await vi.advanceTimersByTimeAsync(0);
  expect(JSON.stringify(reports)).not.toContain("pcs_");
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
});
