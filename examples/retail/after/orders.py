"""The order service of a shop: orders, and their M-Pesa payments."""

import logging
import os
import uuid
from datetime import datetime

from fastapi import Depends, FastAPI, HTTPException, Request
from hakika.client import Event, Hakika, HakikaError, WebhookVerificationError, verify_webhook
from pydantic import BaseModel
from sqlalchemy import Column, DateTime, Integer, String, create_engine
from sqlalchemy.orm import Session, declarative_base

engine = create_engine(os.environ["DATABASE_URL"])
Base = declarative_base()
app = FastAPI()
hakika = Hakika()  # HAKIKA_SERVER, HAKIKA_API_KEY
STATUSES = {"completed": "completed"} | dict.fromkeys(["failed", "cancelled", "expired", "reversed"], "failed")
logger = logging.getLogger(__name__)


class Stock(Base):
    __tablename__ = "stock"

    product = Column(String, primary_key=True)
    price = Column(Integer, nullable=False)
    left = Column(Integer, nullable=False)


class Order(Base):
    __tablename__ = "orders"

    id = Column(String, primary_key=True)
    product = Column(String, nullable=False)
    amount = Column(Integer, nullable=False)
    created_at = Column(DateTime, default=datetime.now)
    checkout_request_id = Column(String, nullable=True, index=True)
    mpesa_transaction_id = Column(String, nullable=True)
    payment_status = Column(String, default="pending")  # pending, completed, failed
    payment_method = Column(String, default="mpesa")
    order_status = Column(String, default="new")  # new, processing
    latest_event = Column(String, default="")  # PAYMENT/SEQUENCE: it stands as its completed payment, else its latest
    __mapper_args__ = {"version_id_col": latest_event, "version_id_generator": False}  # two at once: one comes again


class HandledEvent(Base):
    __tablename__ = "handled_events"

    id = Column(String, primary_key=True)


class NewStock(BaseModel):
    price: int
    left: int


class NewOrder(BaseModel):
    product: str


class NewPayment(BaseModel):
    order_id: str
    phone: str


def get_db():
    with Session(engine) as db:
        yield db


@app.put("/api/v1/stock/{product}")
def put_stock(product: str, new: NewStock, db: Session = Depends(get_db)):
    db.merge(Stock(product=product, price=new.price, left=new.left))
    db.commit()
    return {"product": product, "price": new.price, "left": new.left}


@app.get("/api/v1/stock/{product}")
def get_stock(product: str, db: Session = Depends(get_db)):
    stock = db.get(Stock, product)
    if not stock:
        raise HTTPException(404, "Product not found")
    return {"product": stock.product, "price": stock.price, "left": stock.left}


@app.post("/api/v1/orders", status_code=201)
def create_order(new: NewOrder, db: Session = Depends(get_db)):
    stock = db.get(Stock, new.product)
    if not stock:
        raise HTTPException(404, "Product not found")
    order = Order(id=f"order-{uuid.uuid4().hex[:8]}", product=stock.product, amount=stock.price)
    db.add(order)
    db.commit()
    return {"order_id": order.id, "amount": order.amount}


@app.post("/api/v1/payments/mpesa/initiate")
def initiate_payment(new: NewPayment, db: Session = Depends(get_db)):
    order = db.get(Order, new.order_id)
    if not order:
        raise HTTPException(404, "Order not found")
    try:
        hakika.payments.create(amount=order.amount, phone=new.phone, reference=order.id)
    except HakikaError as error:
        raise HTTPException(error.http_status or 503, f"{error.detail} {error.money}") from error
    return {"order_id": order.id, "status": "pending"}


async def read_event(request: Request):
    try:
        return verify_webhook(await request.body(), request.headers, os.environ["HAKIKA_WEBHOOK_SECRET"])
    except WebhookVerificationError as error:
        raise HTTPException(400, str(error)) from error


@app.post("/api/v1/payments/mpesa/callback")
def mpesa_callback(event: Event = Depends(read_event), db: Session = Depends(get_db)):
    order = db.get(Order, event.data.get("reference", ""))
    if order and event.type.startswith("payment.") and not db.get(HandledEvent, event.id):
        db.add(HandledEvent(id=event.id))  # in the transaction that does its work: both, or neither
        payment, mark, known = event.snapshot, f"{event.payment}/{event.sequence:04}", order.latest_event
        paid, newer = order.payment_status == "completed", mark > known
        news = newer if event.payment in known else not paid and (newer or payment.is_paid)
        if news and payment.is_paid and not paid:
            order.order_status = "processing"
            db.query(Stock).filter(Stock.product == order.product).update({Stock.left: Stock.left - 1})
        if news:
            order.payment_status, order.latest_event = STATUSES.get(payment.status, "pending"), mark
            order.mpesa_transaction_id, order.checkout_request_id = payment.receipt, payment.checkout_request_id
        db.commit()


@app.get("/api/v1/payments/{order_id}/status")
def get_payment_status(order_id: str, db: Session = Depends(get_db)):
    order = db.get(Order, order_id)
    if not order:
        raise HTTPException(404, "Order not found")
    logger.info(f"Status check for order {order_id}: {order.payment_status}")
    return {"status": order.payment_status, "transactionId": order.mpesa_transaction_id or ""}


Base.metadata.create_all(engine)
