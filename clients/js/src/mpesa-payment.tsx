import { type FormEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { type PaymentOptions, type Snapshot, usePayment } from "./use-payment.js";
import { say, type Word } from "./words.js";

/** The payer's own M-Pesa account says no: another phone's may not. */
const OTHER_PHONE = /^(11|20(06|08|26)|8006|E3008)$/;

export interface MpesaPaymentProps extends PaymentOptions {
  /** What your backend needs to know to ask for the money; the phone is added as `phone`. */
  order: object;
  /** In shillings, for the button. Your backend decides what is asked for. */
  amount: number;
  /** The phone, where it is known. */
  phone?: string;
  className?: string;
  /** Told of every change. */
  onChange?: (snapshot: Snapshot) => void;
}

const kes = (amount?: number | null) => `KES ${amount?.toLocaleString("en-KE")}`;

/** A form for the phone, then every state that the payment can be in, each with the one right next step. */
export function MpesaPayment({ order, amount, phone = "", className, onChange, ...options }: MpesaPaymentProps) {
  const language = options.language ?? (globalThis.navigator?.language.startsWith("sw") ? "sw" : "en");
  const { state, payment, error, pay, look, reset } = usePayment({ ...options, language });
  const [typed, setTyped] = useState(phone);
  const id = useId();
  const section = useRef<HTMLElement>(null);

  const { stage, failure } = payment ?? {};
  const form = state === "idle" || state === "asking";
  // A prompt stays on the phone for 60 s.
  const rings = state === "pending" && stage === "prompted";

  const spanS = rings ? 60 : (error?.retry_after ?? failure?.retry_after_s ?? 0);
  const beganMs = useMemo(() => {
    const ageMs = Date.now() - Date.parse(payment?.[rings ? "prompted_at" : "final_at"]!);
    // Where the clocks of server and page disagree, it began when we saw it.
    return Date.now() - (ageMs > 0 && ageMs < spanS * 1000 ? ageMs : 0);
  }, [state, stage, error]);
  const [, tick] = useState({});
  const left = Math.max(0, Math.ceil(spanS - (Date.now() - beganMs) / 1000));
  useEffect(() => {
    if (!left) return;
    const timer = setInterval(() => tick({}), 1000);
    return () => clearInterval(timer);
  }, [!left]);

  const shown = useRef(form);
  useEffect(() => {
    // What had the focus is gone: who cannot see the page goes on from here.
    if (shown.current !== form) section.current!.querySelector<HTMLElement>("input,strong")!.focus();
    shown.current = form;
  }, [form]);
  useEffect(() => void onChange?.({ state, payment, error }), [state, payment, error]);

  let scene = state as Word;
  if (state === "pending") scene = rings && left ? "prompted" : rings || stage === "unsure" ? "confirming" : "asking";

  const facts = {
    reference: "M-Pesa",
    ...payment,
    amount: kes(payment?.amount ?? amount),
    received: kes(payment?.amount_received),
    phone: payment?.phone.replace(/^254(...)(...)/, "0$1 $2 "),
    receipt: payment?.receipt ?? "…", // it may come later
    left,
  };
  const words = (name: Word) => say(name, language, facts);
  const button = (name: Word, onClick?: () => void, disabled?: boolean) => (
    <button disabled={disabled!} onClick={onClick}>
      {words(name)}
    </button>
  );
  const send = (event: FormEvent) => {
    event.preventDefault();
    void pay({ ...order, phone: typed });
  };
  const [headline, text] = words(scene);

  return (
    <section ref={section} className={className} lang={language} aria-label="M-Pesa" data-state={scene}>
      {form && (
        <form onSubmit={send}>
          <label htmlFor={id}>{words("phone")}</label>
          <input
            id={id}
            type="tel"
            autoComplete="tel"
            placeholder="0712 345 678"
            required
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            aria-invalid={error?.code === "invalid_phone"}
            aria-describedby={id + "r"}
          />
          {button(state === "asking" ? "asking" : "pay")}
          <p id={id + "r"} role="alert">
            {error && (left || !error.retry_after) && words(error.code as Word)}
          </p>
        </form>
      )}
      <div role="status">
        {form || <strong tabIndex={-1}>{headline}</strong>}
        {form || <p>{failure ? failure.message : text}</p>}
      </div>
      {scene === "prompted" && <p role="timer">{words("left")}</p>}
      {state === "unknown" && button("look", look)}
      {failure &&
        (failure.retryable || OTHER_PHONE.test(failure.code)) &&
        button(left ? "wait" : failure.retryable ? "again" : "other", reset, !!left)}
    </section>
  );
}
