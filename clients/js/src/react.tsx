export { MpesaPayment, type MpesaPaymentProps } from "./mpesa-payment.js";
export { usePayment, type PaymentOptions, type Snapshot } from "./use-payment.js";
