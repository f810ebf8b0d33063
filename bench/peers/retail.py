"""The callback handler of seed 001, written plainly: FastAPI, an ORM session a request, commit."""

import logging
import os
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from sqlalchemy import String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

logger = logging.getLogger("retail")
engine = create_engine(f"sqlite:///{os.environ['BENCH_DATABASE']}", connect_args={"timeout": 30})
sessions = sessionmaker(engine)


class Base(DeclarativeBase):
    """The models' base."""


class Order(Base):
    """An order with its payment, as in the seed."""

    __tablename__ = "orders"

    id: Mapped[str] = mapped_column(String, primary_key=True)
    checkout_request_id: Mapped[str | None] = mapped_column(String, index=True)
    mpesa_transaction_id: Mapped[str | None] = mapped_column(String)
    payment_status: Mapped[str] = mapped_column(String, default="pending")
    order_status: Mapped[str] = mapped_column(String, default="processing")


def get_db() -> Iterator[Session]:
    """One session a request."""
    with sessions() as session:
        yield session


app = FastAPI()


@app.post("/c/{token}")
async def mpesa_callback(request: Request, db: Annotated[Session, Depends(get_db)]) -> dict[str, Any]:
    """Find the order, mark it paid, commit."""
    try:
        payload = await request.json()
        logger.info("M-Pesa callback received: %s", payload)
        callback = payload.get("Body", {}).get("stkCallback", {})
        order = db.query(Order).filter(Order.checkout_request_id == callback.get("CheckoutRequestID")).first()
        if not order:
            logger.error("Order not found for CheckoutRequestID")
            return {"ResultCode": 0, "ResultDesc": "Accepted"}
        if callback.get("ResultCode") == 0:
            items = callback.get("CallbackMetadata", {}).get("Item", [])
            order.payment_status = "completed"
            order.mpesa_transaction_id = next(i["Value"] for i in items if i["Name"] == "MpesaReceiptNumber")
            order.order_status = "processing"
        else:
            order.payment_status = "failed"
        db.commit()
    except Exception:
        logger.exception("Error processing M-Pesa callback")
    return {"ResultCode": 0, "ResultDesc": "Accepted"}
