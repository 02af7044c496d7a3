"""The words of documents in English and Bangla; pure."""

from collections.abc import Mapping

_WORDS: Mapping[str, tuple[str, str]] = {
    "bill": ("Bill", "বিল"),
    "tax_invoice": ("Tax invoice", "কর চালানপত্র"),
    # The form of a tax invoice in Bangladesh (VAT and SD Rules 2016, rule 40).
    "tax_form": ("Mushak-6.3", "মূসক-৬.৩"),
    "credit_note": ("Credit note", "ক্রেডিট নোট"),
    "receipt": ("Payment receipt", "পরিশোধের রসিদ"),
    "bin": ("BIN", "বিআইএন"),
    "customer": ("Customer", "গ্রাহক"),
    "username": ("Customer ID", "গ্রাহক আইডি"),
    "mobile": ("Mobile", "মোবাইল"),
    "issued": ("Issued", "ইস্যুর সময়"),
    "period": ("Period", "মেয়াদ"),
    "due": ("Pay before", "এর আগে পরিশোধ করুন"),
    "of_bill": ("For bill", "যে বিলের জন্য"),
    "reason": ("Reason", "কারণ"),
    "line": ("No.", "ক্রম"),
    "description": ("Description", "বিবরণ"),
    "unit": ("Unit", "একক"),
    "quantity": ("Quantity", "পরিমাণ"),
    "unit_price": ("Unit price", "একক মূল্য"),
    "before_tax": ("Before tax", "কর ছাড়া মূল্য"),
    "duty": ("Supple\u00admentary duty", "সম্পূরক শুল্ক"),
    "vat_percent": ("VAT %", "ভ্যাট %"),
    "vat": ("VAT", "ভ্যাট"),
    "with_tax": ("With tax", "করসহ মূল্য"),
    "amount": ("Amount", "টাকার পরিমাণ"),
    "total": ("Total", "সর্বমোট"),
    "void": ("VOID", "বাতিল"),
    "void_since": (
        "This bill was declared void on {}: nothing is to be paid on it.",
        "এই বিলটি {} তারিখে বাতিল করা হয়েছে: এর জন্য কিছু পরিশোধ করতে হবে না।",
    ),
    "from_balance": (
        "Taken from the account balance: nothing is to be paid.",
        "অ্যাকাউন্টের ব্যালেন্স থেকে নেওয়া হয়েছে: কিছু পরিশোধ করতে হবে না।",
    ),
    "credited": (
        "This amount was taken off the bill; what had been paid already is in the "
        "account balance.",
        "এই টাকা বিল থেকে বাদ দেওয়া হয়েছে; আগে পরিশোধ করা টাকা অ্যাকাউন্টের ব্যালেন্সে জমা আছে।",
    ),
    "officer": ("Officer in charge", "দায়িত্বপ্রাপ্ত কর্মকর্তা"),
    "signature": ("Signature and seal", "স্বাক্ষর ও সিল"),
    "received": ("Received", "প্রাপ্তির সময়"),
    "method": ("Paid by", "পরিশোধের মাধ্যম"),
    "received_by": ("Taken by", "গ্রহণকারী"),
    "reference": ("Reference", "রেফারেন্স"),
    "note": ("Note", "মন্তব্য"),
    "amount_received": ("Amount received", "প্রাপ্ত টাকা"),
    "discount": ("Discount", "ছাড়"),
    "used_for": ("Used for", "যে বাবদ"),
    "to_balance": ("Account balance", "অ্যাকাউন্টের ব্যালেন্স"),
    "reversed": ("REVERSED", "প্রত্যাহৃত"),
    "reversed_since": (
        "This payment was taken back on {}: it had been recorded by mistake.",
        "এই পরিশোধটি {} তারিখে প্রত্যাহার করা হয়েছে: এটি ভুলে লেখা হয়েছিল।",
    ),
    "refunds": ("Given back", "ফেরত"),
    "refund_done": ("given back", "ফেরত দেওয়া হয়েছে"),
    "refund_begun": ("on its way", "প্রক্রিয়াধীন"),
    "thanks": ("Thank you.", "ধন্যবাদ।"),
    "method_cash": ("Cash", "নগদ টাকা"),
    "method_bkash": ("bKash", "বিকাশ (bKash)"),
    "method_nagad": ("Nagad", "নগদ (Nagad)"),
    "method_sslcommerz": ("SSLCommerz", "SSLCommerz"),
    "method_transfer": ("Transfer", "ট্রান্সফার"),
    "method_card": ("Recharge card", "রিচার্জ কার্ড"),
    "unit_cycle": ("month", "মাস"),
    "unit_day": ("day", "দিন"),
    "unit_package": ("package", "প্যাকেজ"),
    "unit_session": ("session", "সেশন"),
    "unit_charge": ("item", "টি"),
}


def words_in(language: str) -> dict[str, str]:
    """Return the words of a language."""
    place = 1 if language == "bn" else 0
    return {name: both[place] for name, both in _WORDS.items()}
