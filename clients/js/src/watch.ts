/**
 * How a browser learns the outcome: by a stream; where that does not work, by asking every 5 s; and after 2 min
 * without certainty it says so. Silence is never failure: no time-out and no error here makes a payment "failed".
 */

import { HakikaError, isRefusal } from "./errors.js";
import { exchange, type ExchangeOptions } from "./exchange.js";
import type { Payment, Status, Ticket } from "./payment.js";

export interface QueryOptions extends ExchangeOptions {
  /** Hakika's origin, "https://pay.example.com"; the page's own when absent. */
  server?: string | undefined;
}

export interface FollowOptions extends QueryOptions {
  everyMs?: number | undefined;
  giveUpMs?: number | undefined;
}

export interface WatchOptions extends FollowOptions {
  /** False: ask only, do not stream. */
  stream?: boolean | undefined;
}

/** What is known. `unknown` means that we stopped looking, not that the payment stopped. */
export interface Report {
  state: Status | "unknown";
  payment: Payment | null;
  /** Why we stopped looking, where the server refused to answer. */
  error: HakikaError | null;
}

const address = (id: string, { server = "" }: QueryOptions) =>
  `${server.replace(/\/$/, "")}/v1/payments/${id}`;

/** Ask once how the payment stands. Raises HakikaError, within 10 s. */
export async function query({ id, client_secret }: Ticket, options: QueryOptions = {}): Promise<Payment> {
  const headers = { Authorization: `Bearer ${client_secret}` };
  const answer = await exchange(address(id, options), { headers }, options, 10_000);
  if (answer.object === "payment") return answer as unknown as Payment;
  throw new HakikaError({ code: "unexpected_answer" });
}

/** Ask every 5 s until the outcome is known, or 2 min have passed: then the state is `unknown`. */
export function poll(
  ticket: Ticket,
  { onReport, signal, ...options }: FollowOptions & { onReport?: (report: Report) => void } = {},
): Promise<Report> {
  return new Promise((resolve, reject) => {
    const stop = watch(
      ticket,
      (report) => {
        onReport?.(report);
        if (report.state === "pending") return;
        stop();
        if (report.error) reject(report.error);
        else resolve(report);
      },
      { ...options, stream: false },
    );
    const abort = () => {
      stop();
      reject(signal!.reason);
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort);
  });
}

/**
 * Tell every change of the payment until its outcome is known, or until 2 min have passed. A payment that is
 * completed without a receipt is told at once, and again when the receipt comes. → a function that stops it all.
 */
export function watch(ticket: Ticket, report: (report: Report) => void, options: WatchOptions = {}): () => void {
  const { everyMs = 5_000, giveUpMs = 120_000, stream = true, language } = options;
  const control = new AbortController();
  const { signal } = control;
  let latest: Payment | null = null;
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let streaming = stream && "EventSource" in globalThis;
  let heardAt = Date.now();
  let asking = false;

  const stop = () => {
    control.abort();
    clearTimeout(timer);
    clearTimeout(end);
    source?.close();
  };
  const giveUp = (error: HakikaError | null) => {
    if (signal.aborted) return;
    stop();
    if (!latest || latest.status === "pending") report({ state: "unknown", payment: latest, error });
  };
  const hear = (payment: Payment) => {
    // An answer that was overtaken on its way says nothing new.
    if (signal.aborted || (latest && payment.updated_at < latest.updated_at)) return;
    latest = payment;
    const { status, receipt } = payment;
    if (status !== "pending" && (status !== "completed" || receipt)) stop();
    report({ state: status, payment, error: null });
  };
  /** → how long the server wants to be left alone. */
  const ask = async () => {
    let payment;
    try {
      payment = await query(ticket, { ...options, signal });
    } catch (error) {
      if (isRefusal(error as HakikaError)) giveUp(error as HakikaError);
      return (error as HakikaError).retry_after ?? 0;
    }
    hear(payment);
    return 0;
  };
  const turn = async () => {
    if (asking) return;
    asking = true;
    // A stream that said nothing for so long may be dead without knowing it: then it is worth a question.
    const pauseS = !streaming || Date.now() - heardAt >= 20_000 ? await ask() : 0;
    asking = false;
    if (!signal.aborted) timer = setTimeout(turn, Math.max(pauseS * 1000, everyMs));
  };
  const askInstead = () => {
    if (!streaming) return;
    streaming = false;
    clearTimeout(timer);
    void turn();
  };

  // The last question comes at the end: a page that slept in a pocket wakes up after it.
  const end = setTimeout(async () => {
    await ask();
    giveUp(null);
  }, giveUpMs);
  if (streaming) {
    source = new EventSource(`${address(ticket.id, options)}/stream?client_secret=${ticket.client_secret}`);
    source.addEventListener("payment", async ({ data }) => {
      streaming = true;
      heardAt = Date.now();
      const payment: Payment = JSON.parse(data);
      // A stream has the browser's language; the words for the payer are wanted in the page's.
      if (payment.failure && language) await ask();
      hear(payment);
    });
    source.addEventListener("end", () => {
      source!.close();
      askInstead();
    });
    source.onerror = askInstead; // the browser goes on trying to connect, and a message makes it the source again
    timer = setTimeout(turn, everyMs);
  } else void turn();
  return stop;
}
