/** A merchant's backend and a Hakika, as the browser meets them: fetch and EventSource, in the tests' hands. */

import { vi } from "vitest";
import type { Failure, Payment, Ticket } from "../src/index.js";

export const TICKET: Ticket = { id: "pay_1", client_secret: "pcs_secret" };
const START = Date.parse("2026-11-21T06:30:00.000Z");

let version = 0;

/** A payment; each is newer than the one before. */
export function payment(given: Partial<Payment> = {}): Payment {
  version += 1;
  return {
    id: TICKET.id,
    object: "payment",
    mode: "test",
    status: "pending",
    stage: "prompted",
    amount: 1200,
    amount_received: null,
    currency: "KES",
    phone: "254712345678",
    reference: "order-7",
    description: "",
    receipt: null,
    failure: null,
    late: false,
    flags: [],
    metadata: {},
    created_at: "2026-11-21T06:30:00.000Z",
    prompted_at: null,
    paid_at: null,
    final_at: null,
    updated_at: new Date(START + version).toISOString(),
    ...given,
  };
}

export const paid = (): Payment => payment({ status: "completed", stage: null, receipt: "NLJ7RT61SV" });

export const declined = (status: Payment["status"], failure: Partial<Failure> = {}): Payment => {
  const said = { code: "1032", message: `The message for ${status}.`, advice: "", retryable: true, retry_after_s: 0 };
  return payment({ status, stage: null, failure: { ...said, ...failure } });
};

export const problem = (status: number, code: string, more: object = {}): Answer => ({
  status,
  body: { type: `/v1/errors/${code}`, title: code, status, detail: `It is ${code}.`, code, money: "None.", cure: "Wait.", ...more },
});

interface Answer {
  status: number;
  body: unknown;
}

export interface Call {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: unknown;
}

export class FakeStream extends EventTarget {
  static all: FakeStream[] = [];
  onerror: (() => void) | null = null;
  closed = false;
  constructor(readonly url: string) {
    super();
    FakeStream.all.push(this);
  }
  close() {
    this.closed = true;
  }
  say(name: string, data: unknown = {}) {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }
}

/** Stands in for the network. What it answers is `answer`; an Error is a connection that broke, null one that hangs. */
export function serve(first: Payment | Answer | Error | null, { streams = true } = {}) {
  const server = { answer: first, calls: [] as Call[], stream: () => FakeStream.all.at(-1)! };
  FakeStream.all = [];
  if (streams) vi.stubGlobal("EventSource", FakeStream);
  else Reflect.deleteProperty(globalThis, "EventSource");
  vi.stubGlobal("fetch", (url: string, init: RequestInit = {}) => {
    const headers = init.headers as Record<string, string>;
    const body: unknown = init.body ? JSON.parse(init.body as string) : null;
    server.calls.push({ url, method: init.method ?? "GET", headers, body });
    const { answer } = server;
    if (answer instanceof Error) return Promise.reject(answer);
    return new Promise((resolve, reject) => {
      init.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      if (!answer) return;
      const { status, body } = "body" in answer ? answer : { status: 200, body: answer };
      const json = async () => structuredClone(typeof body === "string" ? JSON.parse(body) : body) as unknown;
      resolve({ status, ok: status < 400, json });
    });
  });
  return server;
}
