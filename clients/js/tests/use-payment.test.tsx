import { useEffect } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { usePayment } from "../src/react.js";
import { closePages, open } from "./page.js";
import { FakeStream, paid, payment, serve, TICKET } from "./server.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  closePages();
  vi.useRealTimers();
});

type Hook = ReturnType<typeof usePayment>;

function Harness({ use }: { use: (hook: Hook) => void }) {
  const hook = usePayment({ url: "/api/pay", server: "https://pay.example.com" });
  useEffect(() => void use(hook), []);
  return null;
}

async function hook(): Promise<{ it: Hook; close: () => void; pass: (ms: number) => Promise<unknown> }> {
  let it: Hook | undefined;
  const page = await open(<Harness use={(given) => (it = given)} />);
  return { it: it!, close: page.close, pass: page.pass };
}

test("queryMpesaStatus checks once", async () => {
  const server = serve(paid());
  const { it } = await hook();
  expect((await it.queryMpesaStatus(TICKET)).status).toBe("completed");
  expect(server.calls).toHaveLength(1);
});

test("pollMpesaStatus checks every 5 s until the outcome, without a stream", async () => {
  const server = serve(payment());
  const { it, pass } = await hook();
  const told: string[] = [];
  it.pollMpesaStatus(TICKET, (status) => told.push(status));
  await pass(5_000);
  server.answer = paid();
  await pass(60_000);
  expect(told).toEqual(["pending", "pending", "completed"]);
  expect(FakeStream.all).toEqual([]);
});

test("pollMpesaStatus stops by itself after 2 min, saying unknown", async () => {
  const server = serve(payment());
  const { it, pass } = await hook();
  const told: string[] = [];
  it.pollMpesaStatus(TICKET, (status) => told.push(status));
  await pass(120_000);
  expect(told.at(-1)).toBe("unknown");
  const before = server.calls.length;
  await pass(120_000);
  expect(server.calls).toHaveLength(before);
});

test.each(["the function that it gave", "leaving the page"])("pollMpesaStatus is stopped by %s", async (how) => {
  serve(payment());
  const { it, close, pass } = await hook();
  const stop = it.pollMpesaStatus(TICKET, () => undefined);
  await pass(0);
  if (how === "leaving the page") close();
  else stop();
  expect(vi.getTimerCount()).toBe(0);
});

test("what it offers stays the same functions from render to render", async () => {
  serve(null);
  const seen: Hook[] = [];
  function Twice() {
    seen.push(usePayment({ url: "/api/pay" }));
    return null;
  }
  const page = await open(<Twice />);
  await page.render(<Twice />);
  expect(seen.at(-1)!.pollMpesaStatus).toBe(seen.at(-2)!.pollMpesaStatus);
  expect(seen.at(-1)!.pay).toBe(seen.at(-2)!.pay);
});
