"""What analysts ask of stored Boards, of the rows behind them and of the books: answered for any page, from any thread."""

from data.inquiry.inquiry import Inquiry

__all__ = ["Inquiry"]
