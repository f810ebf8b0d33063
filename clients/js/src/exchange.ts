import { HakikaError, type Problem } from "./errors.js";
import type { Language } from "./payment.js";

export interface ExchangeOptions {
  /** In which language the payer is spoken to; the browser's when absent. */
  language?: Language | undefined;
  signal?: AbortSignal | undefined;
}

/** Send one request and read the JSON that is answered. Raises HakikaError, or the signal's reason. */
export async function exchange(
  url: string,
  init: RequestInit & { headers: Record<string, string> },
  { language, signal }: ExchangeOptions,
  timeoutMs: number,
): Promise<Record<string, unknown>> {
  const control = new AbortController();
  const abort = () => control.abort();
  const timer = setTimeout(abort, timeoutMs);
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    if (language) init.headers["Accept-Language"] = language;
    const response = await fetch(url, { ...init, signal: control.signal });
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok && answer) return answer as Record<string, unknown>;
    throw new HakikaError({ code: "unexpected_answer", ...(answer as Partial<Problem>), status: response.status });
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof HakikaError ? error : new HakikaError({ code: "unreachable" });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
