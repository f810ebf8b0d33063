"""The order service of a shop: orders, and their M-Pesa payments."""

import base64
import logging
import os
import uuid
from datetime import datetime

import httpx2
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel
from sqlalchemy import Column, DateTime, Integer, String, create_engine
from sqlalchemy.orm import Session, declarative_base

engine = create_engine(os.environ["DATABASE_URL"])
Base = declarative_base()
app = FastAPI()
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
    api, shortcode = os.environ.get("MPESA_BASE_URL", "https://sandbox.safaricom.co.ke"), os.environ["MPESA_SHORTCODE"]
    keys = (os.environ["MPESA_CONSUMER_KEY"], os.environ["MPESA_CONSUMER_SECRET"])
    token = httpx2.get(f"{api}/oauth/v1/generate?grant_type=client_credentials", auth=keys).json()["access_token"]
    timestamp, bearer = datetime.now().strftime("%Y%m%d%H%M%S"), {"Authorization": f"Bearer {token}"}
    payload = {
        "BusinessShortCode": shortcode, "Timestamp": timestamp, "TransactionType": "CustomerPayBillOnline",
        "Password": base64.b64encode(f"{shortcode}{os.environ['MPESA_PASSKEY']}{timestamp}".encode()).decode(),
        "Amount": order.amount, "PartyA": new.phone, "PartyB": shortcode, "PhoneNumber": new.phone,
        "AccountReference": order.id, "TransactionDesc": "Retail", "CallBackURL": os.environ["MPESA_CALLBACK_URL"],
    }  # fmt: skip
    answer = httpx2.post(f"{api}/mpesa/stkpush/v1/processrequest", json=payload, headers=bearer)
    order.checkout_request_id, order.payment_status = answer.json()["CheckoutRequestID"], "pending"
    db.commit()
    return {"order_id": order.id, "status": "pending"}


async def read_callback(request: Request):
    return (await request.json())["Body"]["stkCallback"]


@app.post("/api/v1/payments/mpesa/callback")
def mpesa_callback(callback: dict = Depends(read_callback), db: Session = Depends(get_db)):
    try:
        order = db.query(Order).filter(Order.checkout_request_id == callback["CheckoutRequestID"]).first()
        if callback["ResultCode"] == 0:
            items = {item["Name"]: item.get("Value") for item in callback["CallbackMetadata"]["Item"]}
            order.payment_status, order.mpesa_transaction_id = "completed", items["MpesaReceiptNumber"]
            order.order_status = "processing"
            db.query(Stock).filter(Stock.product == order.product).update({Stock.left: Stock.left - 1})
        else:
            order.payment_status = "failed"
        db.commit()
    except Exception as error:
        logger.error(f"M-Pesa callback: {error}")
    return {"ResultCode": 0, "ResultDesc": "Accepted"}


@app.get("/api/v1/payments/{order_id}/status")
def get_payment_status(order_id: str, db: Session = Depends(get_db)):
    order = db.get(Order, order_id)
    if not order:
        raise HTTPException(404, "Order not found")
    logger.info(f"Status check for order {order_id}: {order.payment_status}")
    return {"status": order.payment_status, "transactionId": order.mpesa_transaction_id or ""}


Base.metadata.create_all(engine)
