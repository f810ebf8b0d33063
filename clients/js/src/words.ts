/** All that the component says: in English and in Swahili. Of a scene first the headline, then what it means. */

import type { Language } from "./payment.js";

const UNKNOWN: [string, string] = [
  "Still unknown|The money may have left. Please do not pay again: ask about {reference}.",
  "Bado haijulikani|Huenda pesa zimetoka. Tafadhali usilipe tena: uliza kuhusu {reference}.",
];

const WORDS = {
  phone: ["Your M-Pesa number", "Nambari yako ya M-Pesa"],
  pay: ["Pay {amount} with M-Pesa", "Lipa {amount} kwa M-Pesa"],
  left: ["{left} s left to answer", "zimebaki sekunde {left} za kujibu"],
  again: ["Try again", "Jaribu tena"],
  wait: ["Try again in {left} s", "Jaribu tena baada ya sekunde {left}"],
  other: ["Use another number", "Tumia nambari nyingine"],
  look: ["Look again", "Angalia tena"],

  asking: ["Asking M-Pesa…", "Tunaomba M-Pesa…"],
  prompted: ["Check your phone|M-Pesa asks {phone} for your PIN.", "Angalia simu yako|M-Pesa inaomba PIN yako kwenye {phone}."],
  confirming: ["Confirming with M-Pesa…|Please do not pay again.", "Tunathibitisha na M-Pesa…|Tafadhali usilipe tena."],
  completed: ["{amount} paid. Thank you!|M-Pesa receipt: {receipt}", "{amount} imelipwa. Asante!|Risiti ya M-Pesa: {receipt}"],
  cancelled: ["Cancelled", "Imeghairiwa"],
  expired: ["No answer", "Hakuna jibu"],
  failed: ["Not paid", "Haijalipwa"],
  mispaid: [
    "Another amount arrived|{received} came instead of {amount}. Please do not pay again: ask about {reference}.",
    "Kiasi tofauti kimefika|{received} zimefika badala ya {amount}. Tafadhali usilipe tena: uliza kuhusu {reference}.",
  ],
  reversed: ["Sent back|M-Pesa sent {amount} back to you.", "Imerudishwa|M-Pesa imekurudishia {amount}."],
  unresolved: UNKNOWN,
  unknown: UNKNOWN,

  invalid_phone: [
    "That is not a Kenyan mobile number. Write it like 0712 345 678.",
    "Hiyo si nambari ya simu ya Kenya. Iandike kama 0712 345 678.",
  ],
  payer_busy: [
    "This phone is answering another request. Wait {left} s.",
    "Simu hii inajibu ombi lingine. Subiri sekunde {left}.",
  ],
  repeated_too_soon: [
    "M-Pesa allows the same amount only once in two minutes. Wait {left} s.",
    "M-Pesa inaruhusu kiasi kile kile mara moja tu kwa dakika mbili. Subiri sekunde {left}.",
  ],
  reference_in_use: ["It is being paid, or paid. Please do not pay again.", "Inalipwa, au imelipwa. Tafadhali usilipe tena."],
  refused: ["That did not work. Please try again.", "Haikufaulu. Tafadhali jaribu tena."],
} satisfies Record<string, [english: string, swahili: string]>;

export type Word = keyof typeof WORDS;

/** Say it in one language, with the facts put in; what there are no words for is said as a refusal. */
export const say = (name: Word, language: Language, facts: Record<string, unknown>): string[] =>
  (WORDS[name] ?? WORDS.refused)[language === "sw" ? 1 : 0].replace(/{(\w+)}/g, (_, fact) => `${facts[fact]}`).split("|");
