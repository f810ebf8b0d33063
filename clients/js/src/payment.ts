/** The shapes that Hakika's API answers with, as docs/api.md has them. */

export type Status =
  | "pending" | "completed" | "failed" | "cancelled" | "expired" | "mispaid" | "unresolved" | "reversed";

export type Language = "en" | "sw";

export interface Failure {
  code: string;
  /** For the payer, in the language that was asked for. */
  message: string;
  /** For the developer. */
  advice: string;
  retryable: boolean;
  retry_after_s: number;
}

export interface Payment {
  id: string;
  object: "payment";
  mode: "test" | "live";
  status: Status;
  stage: "queued" | "sending" | "prompted" | "unsure" | null;
  amount: number;
  amount_received: number | null;
  currency: "KES";
  phone: string;
  reference: string;
  description: string;
  /** M-Pesa's. A success that was learned by a query has none yet. */
  receipt: string | null;
  failure: Failure | null;
  late: boolean;
  flags: string[];
  metadata: Record<string, unknown>;
  created_at: string;
  prompted_at: string | null;
  paid_at: string | null;
  final_at: string | null;
  updated_at: string;
}

/** What opens one payment to a browser, and nothing else. Keep it in memory: it belongs in no log, address or storage. */
export interface Ticket {
  id: string;
  client_secret: string;
}
