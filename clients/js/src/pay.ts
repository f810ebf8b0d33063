import { HakikaError } from "./errors.js";
import { exchange, type ExchangeOptions } from "./exchange.js";
import type { Payment, Ticket } from "./payment.js";

export interface PayOptions extends ExchangeOptions {
  /** Makes a repeat safe, if your backend hands it on to Hakika. Made anew for each call unless given. */
  idempotencyKey?: string | undefined;
  /** What your backend wants to see besides, a CSRF token for one. */
  headers?: Record<string, string> | undefined;
  /** "include", where your backend is of another origin and knows its users by a cookie. */
  credentials?: RequestCredentials | undefined;
}

const underWay = new Map<string, Promise<Payment & Ticket>>();

/** A new idempotency key. (`randomUUID` exists on secure pages alone.) */
export const newKey = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-");

/**
 * Post an order to *your own backend*, which asks Hakika for the money and answers the payment with its
 * `client_secret`. An API key never comes near a browser. Calls with a key that is under way share one request.
 */
export function pay(url: string, order: object, options: PayOptions = {}): Promise<Payment & Ticket> {
  const key = options.idempotencyKey ?? newKey();
  let answer = underWay.get(key);
  if (!answer) {
    answer = post(url, order, key, options).finally(() => underWay.delete(key));
    underWay.set(key, answer);
  }
  return answer;
}

async function post(url: string, order: object, key: string, options: PayOptions): Promise<Payment & Ticket> {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key, ...options.headers };
  const init = { method: "POST", headers, body: JSON.stringify(order), credentials: options.credentials! };
  const answer = await exchange(url, init, options, 30_000); // longer than Hakika takes, and a payer's patience
  if (answer.client_secret) return answer as unknown as Payment & Ticket;
  throw new HakikaError({ code: "unexpected_answer", detail: "No client_secret." });
}
