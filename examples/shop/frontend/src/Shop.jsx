import { useEffect, useState } from "react";
import { ask } from "./backend.js";
import { Order } from "./Order.jsx";
import { Shelf } from "./Shelf.jsx";

/** `/` is the shelf, `/orders/A-1` an order that is being paid, `/orders/A-1/success` one that is paid. */
export function Shop() {
  const [path, setPath] = useState(location.pathname);
  const [order, setOrder] = useState(null);
  const [error, setError] = useState("");
  const [, id, isSuccess] = path.match(/^\/orders\/([^/]+)(\/success)?$/) ?? [];

  useEffect(() => {
    const back = () => setPath(location.pathname);
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);

  // The address says which order it is, so after a reload the page goes on where it was: it asks for no money again.
  useEffect(() => {
    setOrder(null);
    setError("");
    if (!id) return;
    let here = true;
    ask(`/orders/${id}`).then(
      (found) => here && setOrder(found),
      (failure) => here && setError(failure.message),
    );
    return () => (here = false);
  }, [id, isSuccess]);

  const go = (to) => {
    history.pushState(null, "", to);
    setPath(to);
  };
  const succeed = () => {
    history.replaceState(null, "", `/orders/${id}/success`); // "back" leads to the shelf, not to a form that is over
    setPath(location.pathname);
  };
  const buy = (good) =>
    ask("/orders", { good }).then(
      (made) => go(`/orders/${made.id}`),
      (failure) => setError(failure.message),
    );

  return (
    <>
      <header>
        <h1>Duka</h1>
        {id && <button onClick={() => go("/")}>Back to the shelf</button>}
      </header>
      <main>
        {error && <p role="alert">{error}</p>}
        {!id && <Shelf onBuy={buy} />}
        {order && <Order key={path} order={order} isSuccess={!!isSuccess} onPaid={succeed} />}
      </main>
    </>
  );
}
