"""The owner's pages: sales, who is online, vouchers, and what routers have yet to do. Behind one password."""
