import { useEffect, useRef, useState } from "react";
import { newKey, pay, query, watch } from "./index.js";
import type { FollowOptions, HakikaError, Payment, PayOptions, Report, Ticket } from "./index.js";
import { isRefusal } from "./errors.js";

export interface PaymentOptions extends Omit<FollowOptions, "signal"> {
  /** Where your backend takes an order and answers the payment with its client_secret. */
  url: string;
  /** What your backend wants to see besides, a CSRF token for one. */
  headers?: PayOptions["headers"];
  /** "include", where your backend is of another origin and knows its users by a cookie. */
  credentials?: PayOptions["credentials"];
  /** A payment that was begun before: the page shows it and goes on. */
  ticket?: Ticket | null | undefined;
}

export interface Snapshot extends Omit<Report, "state"> {
  /** `idle`: nothing asked yet, or refused (`error`). `asking`: your backend is being asked. Else the payment's. */
  state: Report["state"] | "idle" | "asking";
}

const IDLE: Snapshot = { state: "idle", payment: null, error: null };

/** One payment from the first click to its outcome. What it started stops when the component leaves the page. */
export function usePayment(options: PaymentOptions) {
  const [snapshot, show] = useState(IDLE);
  const [chosen, choose] = useState<Ticket | null>();
  const [round, setRound] = useState(0);
  const ticket = chosen === undefined ? options.ticket : chosen;
  const latest = useRef(options);
  latest.current = options;

  // A payment has one secret, so the secret says which payment it is.
  useEffect(
    () => (ticket ? watch(ticket, show, latest.current) : undefined),
    [ticket?.client_secret, options.language, round],
  );

  const [[actions, stops]] = useState(() => {
    let key = "";
    const stops = new Set<() => void>();
    const actions = {
      /** Ask for money. However often it is called before the answer, one request is sent. */
      async pay(order: object): Promise<Payment | null> {
        key ||= newKey();
        show({ ...IDLE, state: "asking" });
        try {
          const { client_secret, ...payment } = await pay(latest.current.url, order, {
            ...latest.current,
            idempotencyKey: key,
          });
          key = "";
          show({ state: payment.status, payment, error: null });
          choose({ id: payment.id, client_secret });
          return payment;
        } catch (error) {
          // After a definite no the next try is another request; after silence it is the same one.
          if (isRefusal(error as HakikaError)) key = "";
          show({ ...IDLE, error: error as HakikaError });
          return null;
        }
      },
      /** Look again, after `unknown`. */
      look() {
        show({ ...IDLE, state: "pending" });
        setRound((before) => before + 1);
      },
      /** Back to the beginning, for another try. */
      reset() {
        choose(null);
        show(IDLE);
      },
      /** Check the status once. */
      queryMpesaStatus: (of: Ticket): Promise<Payment> => query(of, latest.current),
      /** Check it every 5 s, for up to 2 min. → a function that stops. */
      pollMpesaStatus(of: Ticket, callback: (status: Report["state"], payment: Payment | null) => void): () => void {
        const stop = watch(of, ({ state, payment }) => callback(state, payment), { ...latest.current, stream: false });
        stops.add(stop);
        return stop;
      },
    };
    return [actions, stops] as const;
  });
  useEffect(() => () => stops.forEach((stop) => stop()), []);

  return { ...snapshot, ...(ticket && snapshot === IDLE && { state: "pending" as const }), ...actions };
}
