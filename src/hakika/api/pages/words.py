"""All that the pages say, in both languages. What went wrong is said in the words of `daraja.codes`."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from hakika.domain.kenya import NAIROBI

Words = Callable[..., str]
LANGUAGES: Final = ("en", "sw")
_MONTHS: Final = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "sw": ("Jan", "Feb", "Mac", "Apr", "Mei", "Jun", "Jul", "Ago", "Sep", "Okt", "Nov", "Des"),
}

_ENGLISH: Final = {
    "other": "Kiswahili",
    "test": "Test: no real money",
    "test_short": "Test",
    "to": "Pay to",
    "amount": "Amount in KES",
    "amount_hint": "From {least} to {most}.",
    "phone": "Your M-Pesa number",
    "phone_hint": "For example 0712 345 678",
    "pay": "Pay {amount}",
    "pay_any": "Pay with M-Pesa",
    "how": "Your phone will ask for your M-Pesa PIN. Never type it on a page like this one.",
    "back": "Cancel and go back",
    "shop": "Back to the shop",
    "sending": "Asking your phone…",
    "sending_text": "One moment: M-Pesa is being asked to ring {phone}.",
    "check": "Check your phone",
    "check_text": "M-Pesa is asking {phone} for your PIN. Enter it to pay {amount}.",
    "left": "seconds left to answer",
    "confirming": "Confirming your payment…",
    "confirming_text": "Please do not pay again. This page changes by itself; you may also close it and come back.",
    "paid": "Paid. Thank you!",
    "paid_text": "{merchant} has received {amount}.",
    "going": "Taking you back to the shop…",
    "declined": "Not paid",
    "again": "Ask {phone} again",
    "wait": "You can ask {phone} again in",
    "automatic": "We ask {phone} again by ourselves in",
    "seconds": "seconds",
    "elsewhere": "Pay from another phone",
    "ask_merchant": "Please ask {merchant}.",
    "mispaid": "Another amount arrived",
    "mispaid_text": "{received} came instead of {amount}. Please do not pay again: {merchant} has been told.",
    "unresolved": "We cannot tell yet",
    "unresolved_text": "Please do not pay again. Somebody is looking it up: ask {merchant} about {reference}.",
    "expired": "This page has expired",
    "expired_text": "Nothing was paid here. Please ask {merchant} for a new one.",
    "cancelled": "This purchase was called off",
    "cancelled_text": "{merchant} called it off. Nothing was paid here.",
    "reversed": "The money went back",
    "reversed_text": "The payment was reversed. Please ask {merchant}.",
    "receipt": "M-Pesa receipt",
    "receipt_coming": "on its way",
    "for": "For",
    "reference": "Reference",
    "sum": "Amount",
    "from": "Phone",
    "when": "When",
    "print": "Print",
    "share": "Share",
    "lost": "No connection. Trying again…",
    "bad_phone": "That is not a Kenyan mobile number. Write it like 0712 345 678.",
    "bad_amount": "Type a whole number of shillings, from {least} to {most}.",
    "busy": "This phone is answering another M-Pesa request. Answer that one, or wait {wait}.",
    "too_soon": "M-Pesa takes the same amount from the same phone once in two minutes. Wait {wait}, "
    "or pay from another phone.",
    "in_use": "This purchase is being paid on another page, or was paid already.",
    "too_many": "Too many tries. Please wait {wait}.",
    "refused": "That did not work, and nothing was paid. Please try again in a moment.",
    "unsure": "Something on our side does not answer. If you have paid, please do not pay again: open this page again "
    "in a minute.",
    "no_page": "There is no such page",
    "no_page_text": "Check the address, or ask whoever sent it to you.",
    "too_many_title": "Too many tries",
    "too_many_text": "Please wait {wait}, then try again.",
    "try_again": "Try again",
    "broken": "Something went wrong",
    "link_used": "This link cannot be used",
    "link_used_text": "It was paid already, or it was switched off. Ask whoever sent it to you.",
    "continue": "Continue",
    "powered": "Payments by M-Pesa",
    "till": "Till",
    "login": "Log in",
    "logout": "Log out",
    "key": "API key",
    "key_hint": "It is typed once on this device.",
    "wrong_key": "That key is not known, or was revoked.",
    "customer": "Customer's M-Pesa number",
    "charge": "Charge",
    "account": "Account",
    "sales": "Last sales",
    "no_sales": "None yet.",
    "next": "Next customer",
    "delete": "Delete the last digit",
    "customer_check": "The customer's phone asks for the PIN",
    "customer_sending": "Asking the customer's phone…",
    "customer_confirming": "Confirming the payment…",
    "till_check_text": "{phone} is asked for {amount}.",
    "till_confirming_text": "Please do not charge again. What becomes of it stands among the last sales.",
    "till_mispaid_text": "{received} came instead of {amount}. Please do not charge again: ask whoever runs the shop.",
    "till_unresolved_text": "Please do not charge again. Somebody is looking it up.",
    "status_pending": "under way",
    "status_completed": "paid",
    "status_failed": "not paid",
    "status_cancelled": "cancelled",
    "status_expired": "no answer",
    "status_mispaid": "other amount",
    "status_unresolved": "being looked up",
    "status_reversed": "reversed",
}

_SWAHILI: Final = {
    "other": "English",
    "test": "Jaribio: hakuna pesa halisi",
    "test_short": "Jaribio",
    "to": "Mlipe",
    "amount": "Kiasi kwa KES",
    "amount_hint": "Kuanzia {least} hadi {most}.",
    "phone": "Nambari yako ya M-Pesa",
    "phone_hint": "Kwa mfano 0712 345 678",
    "pay": "Lipa {amount}",
    "pay_any": "Lipa kwa M-Pesa",
    "how": "Simu yako itakuomba PIN ya M-Pesa. Usiiandike kamwe kwenye ukurasa kama huu.",
    "back": "Ghairi na urudi",
    "shop": "Rudi dukani",
    "sending": "Tunaita simu yako…",
    "sending_text": "Subiri kidogo: M-Pesa inaombwa kuipigia {phone}.",
    "check": "Angalia simu yako",
    "check_text": "M-Pesa inaomba PIN yako kwenye {phone}. Iweke ili ulipe {amount}.",
    "left": "sekunde zimebaki za kujibu",
    "confirming": "Tunathibitisha malipo…",
    "confirming_text": "Tafadhali usilipe tena. Ukurasa huu hubadilika wenyewe; unaweza pia kuufunga na kurudi.",
    "paid": "Imelipwa. Asante!",
    "paid_text": "{merchant} imepokea {amount}.",
    "going": "Tunakurudisha dukani…",
    "declined": "Haijalipwa",
    "again": "Uliza {phone} tena",
    "wait": "Unaweza kuuliza {phone} tena baada ya",
    "automatic": "Tutauliza {phone} tena wenyewe baada ya",
    "seconds": "sekunde",
    "elsewhere": "Lipa kwa simu nyingine",
    "ask_merchant": "Tafadhali uliza {merchant}.",
    "mispaid": "Kiasi tofauti kimefika",
    "mispaid_text": "{received} zimefika badala ya {amount}. Tafadhali usilipe tena: {merchant} imejulishwa.",
    "unresolved": "Bado hatujui",
    "unresolved_text": "Tafadhali usilipe tena. Kuna mtu anayefuatilia: uliza {merchant} kuhusu {reference}.",
    "expired": "Muda wa ukurasa huu umeisha",
    "expired_text": "Hakuna kilicholipwa hapa. Tafadhali omba {merchant} ukurasa mpya.",
    "cancelled": "Ununuzi huu umefutwa",
    "cancelled_text": "{merchant} imeufuta. Hakuna kilicholipwa hapa.",
    "reversed": "Pesa zimerudishwa",
    "reversed_text": "Malipo yamerudishwa. Tafadhali uliza {merchant}.",
    "receipt": "Risiti ya M-Pesa",
    "receipt_coming": "iko njiani",
    "for": "Kwa",
    "reference": "Kumbukumbu",
    "sum": "Kiasi",
    "from": "Simu",
    "when": "Wakati",
    "print": "Chapisha",
    "share": "Shiriki",
    "lost": "Hakuna mtandao. Tunajaribu tena…",
    "bad_phone": "Hiyo si nambari ya simu ya Kenya. Iandike kama 0712 345 678.",
    "bad_amount": "Andika shilingi kamili, kuanzia {least} hadi {most}.",
    "busy": "Simu hii inajibu ombi lingine la M-Pesa. Jibu hilo, au subiri {wait}.",
    "too_soon": "M-Pesa hukubali kiasi kile kile kutoka simu ile ile mara moja kwa dakika mbili. Subiri {wait}, "
    "au lipa kwa simu nyingine.",
    "in_use": "Ununuzi huu unalipwa kwenye ukurasa mwingine, au umelipwa tayari.",
    "too_many": "Umejaribu mara nyingi mno. Tafadhali subiri {wait}.",
    "refused": "Haikufaulu, na hakuna kilicholipwa. Tafadhali jaribu tena baada ya muda mfupi.",
    "unsure": "Kuna kitu upande wetu hakijibu. Kama umeshalipa, tafadhali usilipe tena: fungua ukurasa huu tena baada "
    "ya dakika moja.",
    "no_page": "Hakuna ukurasa kama huo",
    "no_page_text": "Angalia anwani, au uliza aliyekutumia.",
    "too_many_title": "Umejaribu mara nyingi mno",
    "too_many_text": "Tafadhali subiri {wait}, kisha ujaribu tena.",
    "try_again": "Jaribu tena",
    "broken": "Kuna hitilafu",
    "link_used": "Kiungo hiki hakiwezi kutumika",
    "link_used_text": "Kimelipwa tayari, au kimezimwa. Uliza aliyekutumia.",
    "continue": "Endelea",
    "powered": "Malipo kwa M-Pesa",
    "till": "Duka",
    "login": "Ingia",
    "logout": "Toka",
    "key": "Ufunguo wa API",
    "key_hint": "Huandikwa mara moja kwenye kifaa hiki.",
    "wrong_key": "Ufunguo huo haujulikani, au umefutwa.",
    "customer": "Nambari ya M-Pesa ya mteja",
    "charge": "Toza",
    "account": "Akaunti",
    "sales": "Mauzo ya mwisho",
    "no_sales": "Hakuna bado.",
    "next": "Mteja anayefuata",
    "delete": "Futa tarakimu ya mwisho",
    "customer_check": "Simu ya mteja inaomba PIN",
    "customer_sending": "Tunaita simu ya mteja…",
    "customer_confirming": "Tunathibitisha malipo…",
    "till_check_text": "{phone} inaombwa {amount}.",
    "till_confirming_text": "Tafadhali usitoze tena. Matokeo yataonekana kwenye mauzo ya mwisho.",
    "till_mispaid_text": "{received} zimefika badala ya {amount}. Tafadhali usitoze tena: uliza msimamizi wa duka.",
    "till_unresolved_text": "Tafadhali usitoze tena. Kuna mtu anayefuatilia.",
    "status_pending": "inaendelea",
    "status_completed": "imelipwa",
    "status_failed": "haijalipwa",
    "status_cancelled": "imeghairiwa",
    "status_expired": "hakuna jibu",
    "status_mispaid": "kiasi tofauti",
    "status_unresolved": "inafuatiliwa",
    "status_reversed": "imerudishwa",
}

WORDS: Final = {"en": _ENGLISH, "sw": _SWAHILI}


def speak(language: str) -> Words:
    """→ what says a thing by its name in that language."""
    known = WORDS[language]

    def say(name: str, **values: object) -> str:
        return known[name].format(**values) if values else known[name]

    return say


def choose_language(asked: str, preset: str, accepted: str) -> str:
    """The language that the payer chose, else that of the checkout, else the browser's first that we speak."""
    if asked in LANGUAGES or preset in LANGUAGES:
        return asked if asked in LANGUAGES else preset
    ranked = sorted(enumerate(accepted.split(",")), key=lambda one: (-_weight(one[1]), one[0]))
    spoken = (part.strip()[:2].lower() for _, part in ranked if _weight(part) > 0)
    return next((language for language in spoken if language in LANGUAGES), "en")


def _weight(part: str) -> float:
    """`sw;q=0.8` → 0.8."""
    try:
        return float(part.partition("q=")[2] or 1)
    except ValueError:
        return 0


def kes(amount: int) -> str:
    """`1500` → `KES 1,500`."""
    return f"KES\u00a0{amount:,}"


def tell_time(at_ms: int, language: str) -> str:
    """A moment as a Kenyan receipt says it: `21 Nov 2026, 09:31`."""
    at = datetime.fromtimestamp(at_ms / 1000, NAIROBI)
    return f"{at.day} {_MONTHS[language][at.month - 1]} {at.year}, {at:%H:%M}"


_SPANS: Final = {
    "en": ("1 second", "{} seconds", "{} minutes", "{} hours"),
    "sw": ("sekunde 1", "sekunde {}", "dakika {}", "saa {}"),
}


def tell_wait(seconds: int, language: str) -> str:
    """`90` → `90 seconds`, `600` → `10 minutes`, `86400` → `24 hours`: as long at least."""
    one, few, minutes, hours = _SPANS[language]
    if seconds <= 120:  # such waits are counted down
        return one if seconds == 1 else few.format(seconds)
    return minutes.format(-(-seconds // 60)) if seconds <= 7_200 else hours.format(-(-seconds // 3600))


def tell_phone(phone: str) -> str:
    """`254712345678` → `0712 *** 678`, in one piece: enough for its owner, too little for others."""
    return f"0{phone[3:6]}\u00a0***\u00a0{phone[-3:]}" if phone.startswith("254") else "***"
