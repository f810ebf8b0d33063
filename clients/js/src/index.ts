export * from "./payment.js";
export { HakikaError, type ErrorCode, type Problem } from "./errors.js";
export type { ExchangeOptions } from "./exchange.js";
export { newKey, pay, type PayOptions } from "./pay.js";
export { poll, query, watch, type FollowOptions, type QueryOptions, type Report, type WatchOptions } from "./watch.js";
