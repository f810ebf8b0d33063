/** A page with the component on it, and what a person does there. */

import { act, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { vi } from "vitest";
import type { ReactNode } from "react";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const leave: (() => void)[] = [];

/** Close every page that a test opened. */
export function closePages(): void {
  for (const close of leave.splice(0)) close();
}

export async function open(content: ReactNode) {
  const body = document.body.appendChild(document.createElement("div"));
  const root = createRoot(body);
  const render = (next: ReactNode) => act(async () => root.render(<StrictMode>{next}</StrictMode>));
  const close = () => act(() => root.unmount());
  leave.push(() => {
    close();
    body.remove();
  });
  await render(content);
  const find = <Kind extends Element>(selector: string) => body.querySelector<Kind>(selector);
  return {
    body,
    render,
    close,
    state: () => find("section")?.getAttribute("data-state"),
    says: (role: string) => find(`[role=${role}]`)?.textContent ?? null,
    button: () => find<HTMLButtonElement>("button"),
    field: () => find<HTMLInputElement>("input"),
    pass: (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms)),
    async type(text: string) {
      const field = find<HTMLInputElement>("input")!;
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!.call(field, text);
      await act(async () => field.dispatchEvent(new Event("input", { bubbles: true })));
    },
    async click(times = 1) {
      const button = find<HTMLButtonElement>("button")!;
      await act(async () => {
        for (let click = 0; click < times; click += 1) button.click();
        await vi.advanceTimersByTimeAsync(0);
      });
    },
  };
}
