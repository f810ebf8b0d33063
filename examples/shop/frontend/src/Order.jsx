import { MpesaPayment, usePayment } from "hakika-client/react";
import { kes } from "./Shelf.jsx";

/** An order: to be paid, or paid. Which of the two it is, the backend says. */
export function Order({ order, isSuccess, onPaid }) {
  if (isSuccess) return <Success order={order} />;
  return (
    <>
      <h2>{order.name}</h2>
      <p className="amount">{kes(order.amount)}</p>
      <MpesaPayment
        className="payment"
        url={`/api/orders/${order.id}/pay`}
        server={order.server}
        order={{}}
        amount={order.amount}
        ticket={order.ticket}
        onChange={({ state }) => state === "completed" && onPaid()}
      />
    </>
  );
}

/** The success page. A success that was learned by a query has no receipt yet: the hook tells when it comes. */
function Success({ order }) {
  const { payment } = usePayment({ url: "", server: order.server, ticket: order.ticket });
  const receipt = payment?.receipt ?? order.receipt;
  if (order.status !== "completed") return <p role="alert">This order is not paid.</p>;
  return (
    <section className="success" role="status">
      <h2>Thank you!</h2>
      <p>
        {order.name}, {kes(order.amount)}, is paid. Your order is <strong>{order.id}</strong>.
      </p>
      <p>M-Pesa receipt: {receipt ?? "on its way, by SMS from M-Pesa"}</p>
    </section>
  );
}
