"""What the portal says, in English and Swahili."""

from typing import Literal, TypeAlias

Language: TypeAlias = Literal["en", "sw"]

WORDS: dict[str, tuple[str, str]] = {
    "title": ("WiFi", "WiFi"),
    "other": ("Kiswahili", "English"),
    "test": ("Test: no real money moves.", "Majaribio: hakuna pesa halisi."),
    "choose": ("Choose a package", "Chagua kifurushi"),
    "phone": ("M-Pesa phone number", "Namba ya simu ya M-Pesa"),
    "pay": ("Pay with M-Pesa", "Lipa kwa M-Pesa"),
    "have_code": ("Voucher or receipt code", "Vocha au namba ya risiti"),
    "code": ("Code", "Namba"),
    "code_phone": ("Phone that paid (for a receipt)", "Simu iliyolipa (kwa risiti)"),
    "use_code": ("Use the code", "Tumia namba"),
    "you_have": ("You have time left: {left}.", "Una muda uliobaki: {left}."),
    "connect": ("Connect", "Unganisha"),
    "check_phone": ("Check your phone", "Angalia simu yako"),
    "enter_pin": (
        "We are asking {phone} for KES {price}. Enter your M-Pesa PIN there. This page goes on by itself.",
        "Tunaomba KES {price} kutoka {phone}. Weka PIN yako ya M-Pesa. Ukurasa huu utaendelea wenyewe.",
    ),
    "still_asking": (
        "We are still asking M-Pesa. If you have paid, you need not pay again: your time is kept for you.",
        "Bado tunauliza M-Pesa. Kama umelipa, usilipe tena: muda wako umehifadhiwa.",
    ),
    "look_again": ("Look again", "Angalia tena"),
    "paid": ("Paid. Thank you!", "Umelipa. Asante!"),
    "receipt": ("M-Pesa receipt {receipt}", "Risiti ya M-Pesa {receipt}"),
    "online": ("You are online", "Umeunganishwa"),
    "time_left": ("Time left: {left}", "Muda uliobaki: {left}"),
    "data_left": ("Data left: {left} MB", "Data iliyobaki: {left} MB"),
    "your_code": (
        "Your code is {code}. With it you can come back, or connect another device ({devices} at a time).",
        "Namba yako ni {code}. Itumie kurudi, au kuunganisha kifaa kingine ({devices} kwa wakati mmoja).",
    ),
    "press": ("One more step: press Connect.", "Hatua moja zaidi: bonyeza Unganisha."),
    "no_net": (
        "No internet yet? Turn WiFi off and on again.",
        "Bado hakuna intaneti? Zima WiFi kisha uwashe tena.",
    ),
    "again": ("Try again", "Jaribu tena"),
    "more": ("Buy more time", "Nunua muda zaidi"),
    "not_paid": ("Not paid", "Haijalipwa"),
    "cancelled": ("The payment was cancelled. No money was taken.", "Malipo yalighairiwa. Hakuna pesa iliyokatwa."),
    "expired": (
        "The phone did not answer in time. No money was taken. Is it on, and near you?",
        "Simu haikujibu kwa wakati. Hakuna pesa iliyokatwa. Je, imewashwa na iko karibu?",
    ),
    "insufficient_funds": (
        "There is not enough money in that M-Pesa. No money was taken.",
        "Hakuna pesa za kutosha kwenye M-Pesa hiyo. Hakuna pesa iliyokatwa.",
    ),
    "wrong_pin": (
        "The PIN was wrong. No money was taken.",
        "PIN haikuwa sahihi. Hakuna pesa iliyokatwa.",
    ),
    "failed": ("The payment did not go through. No money was taken.", "Malipo hayakufaulu. Hakuna pesa iliyokatwa."),
    "payer_busy": (
        "That phone has another M-Pesa request open. Answer it, or wait a minute, and try again.",
        "Simu hiyo ina ombi lingine la M-Pesa. Lijibu, au subiri dakika moja, kisha ujaribu tena.",
    ),
    "repeated_too_soon": (
        "That phone was asked for the same amount a moment ago. Wait two minutes and try again.",
        "Simu hiyo iliombwa kiasi hicho sasa hivi. Subiri dakika mbili kisha ujaribu tena.",
    ),
    "unasked": (
        "We could not ask M-Pesa. If your phone did ask for a PIN and you paid, your time will come by itself.",
        "Hatukuweza kuuliza M-Pesa. Kama simu iliomba PIN na ulilipa, muda wako utakuja wenyewe.",
    ),
    "refused": (
        "Paying does not work just now. Please ask for help.",
        "Malipo hayafanyi kazi sasa. Tafadhali omba msaada.",
    ),
    "mispaid": (
        "Another amount arrived than the price. Please ask for help; do not pay again.",
        "Kiasi kilichofika si bei. Tafadhali omba msaada; usilipe tena.",
    ),
    "unresolved": (
        "M-Pesa has not told us yet whether you paid. Please ask for help; do not pay again.",
        "M-Pesa bado haijatuambia kama ulilipa. Tafadhali omba msaada; usilipe tena.",
    ),
    "reversed": ("This payment was sent back to you.", "Malipo haya yalirudishwa kwako."),
    "asking_help": ("Help: {support}", "Msaada: {support}"),
    "bad_phone": (
        "Write a Kenyan number, such as 0712 345 678.",
        "Andika namba ya Kenya, kama 0712 345 678.",
    ),
    "no_package": ("Choose a package first.", "Kwanza chagua kifurushi."),
    "too_many": ("Too many tries. Wait 15 minutes.", "Umejaribu mara nyingi. Subiri dakika 15."),
    "wrong code": (
        "This code opens nothing here. A receipt works with the phone that paid, or on the device that bought.",
        "Namba hii haifungui. Risiti hufanya kazi na simu iliyolipa, au kwenye kifaa kilichonunua.",
    ),
    "nothing bought": ("You have no time left here.", "Huna muda uliobaki hapa."),
    "time is up": ("The time of this code is used up.", "Muda wa namba hii umeisha."),
    "data is used up": ("The data of this package is used up.", "Data ya kifurushi hiki imeisha."),
    "too many devices": (
        "Too many devices are online with this package. Take one off first.",
        "Vifaa vingi vimeunganishwa na kifurushi hiki. Ondoa kimoja kwanza.",
    ),
    "bought for another site": ("This package is for another place.", "Kifurushi hiki ni cha mahali pengine."),
    "revoked": ("This package was taken back.", "Kifurushi hiki kimeondolewa."),
    "no_page": ("There is no such page.", "Hakuna ukurasa huo."),
    "soon": ("The system is busy. Try again in a moment.", "Mfumo una kazi nyingi. Jaribu tena baadaye kidogo."),
    "days": ("{n} d", "siku {n}"),
    "hours": ("{n} h", "saa {n}"),
    "minutes": ("{n} min", "dakika {n}"),
    "devices": ("{n} devices", "vifaa {n}"),
    "unlimited": ("unlimited", "bila kikomo"),
}


def choose_language(asked: str, accepted: str) -> Language:
    """Which language a page is in: what was chosen, else what the browser prefers."""
    if asked in {"en", "sw"}:
        return "sw" if asked == "sw" else "en"
    return "sw" if accepted.strip().lower().startswith("sw") else "en"


def say(language: Language, word: str, **values: object) -> str:
    """Say something."""
    return WORDS[word][language == "sw"].format(**values)


def say_time(language: Language, seconds: int) -> str:
    """`3 h 20 min`."""
    minutes = max(1, round(seconds / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    counts = (("days", days), ("hours", hours), ("minutes", minutes if not days else 0))
    return " ".join(say(language, unit, n=count) for unit, count in counts if count)
