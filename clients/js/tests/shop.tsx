/** A merchant's page, for the tests in a real browser: /?language=sw&server=http://…, and /?ticket for coming back. */

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { MpesaPayment } from "hakika-client/react";

const given = new URLSearchParams(location.search);
const language = given.get("language") === "sw" ? "sw" : "en";
const ticket = given.has("ticket") ? await (await fetch("/ticket")).json() : null;

function Shop() {
  const [open, setOpen] = useState(true);
  return (
    <main>
      <h1>Shop</h1>
      {open && (
        <MpesaPayment
          url="/pay"
          server={given.get("server") ?? ""}
          order={{ cart: 7 }}
          amount={1200}
          language={language}
          ticket={ticket}
          className="payment"
        />
      )}
      <p>
        <button onClick={() => setOpen(false)}>Leave</button>
      </p>
    </main>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Shop />
  </StrictMode>,
);
