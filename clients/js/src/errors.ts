/** Codes that a browser can meet; the server has more, and says each in docs/errors.md. */
export type ErrorCode =
  | "invalid_phone" | "invalid_amount" | "invalid_request" | "payer_busy" | "repeated_too_soon" | "reference_in_use"
  | "idempotency_key_in_flight" | "idempotency_key_reused" | "not_authenticated" | "not_found" | "budget_spent"
  | "unavailable" | "store_unavailable" | "internal"
  /** Nobody answered, or too late. */
  | "unreachable"
  /** What came is neither a payment nor a problem document. */
  | "unexpected_answer"
  | (string & {});

/** An RFC 9457 problem document with what Hakika adds: what it means for the money, and what to do. */
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  money: string;
  cure: string;
  /** The payment that it collides with. */
  payment?: string;
  /** Seconds until it passes. */
  retry_after?: number;
}

export interface HakikaError extends Problem {}

/** A refusal, with every field of its problem document. */
export class HakikaError extends Error {
  constructor(problem: Partial<Problem> & { code: ErrorCode }) {
    const { code, title = code, detail = title } = problem;
    super(detail);
    Object.assign(this, { name: "HakikaError", status: 0, title, detail, money: "Unknown.", cure: "Repeat it." }, problem);
  }
}

/** Whether the answer is a definite no: the same request would be refused again. */
export const isRefusal = ({ status, code }: HakikaError): boolean =>
  /^4(?!08|29)/.test(`${status}`) && code !== "idempotency_key_in_flight";
